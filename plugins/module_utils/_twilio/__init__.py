# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twilio: its client, numbers and webhooks, and what else takes or holds them. Never IBM, never module parameters.

Private: only this collection imports it, and its names change without notice.
"""
