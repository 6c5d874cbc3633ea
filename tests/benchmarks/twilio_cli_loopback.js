// Copyright: (c) 2026, the voiceagent.sms authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// twilio-cli has no option for the address of the API. Preloaded into it, this turns its requests to the sandbox;
// everything else is the program itself. Without TLS, that is in its favour.
"use strict";
const http = require("http");
const https = require("https");
const target = new URL(process.env.TWILIO_API_ENDPOINT);

https.request = function request(...parts) {
  const callback = typeof parts[parts.length - 1] === "function" ? parts.pop() : undefined;
  const options = Object.assign({}, ...parts.map((part) => (part instanceof URL || typeof part === "string" ? {} : part)));
  Object.assign(options, { protocol: "http:", hostname: target.hostname, host: target.hostname, port: target.port });
  delete options.agent;
  delete options.agents;
  return http.request(options, callback);
};
