# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the documentation site of docs/guides and of the plugins' own documentation; see tools/website.py."""

project = "voiceagent.sms"
author = "voiceagent.sms authors"
copyright = "the voiceagent.sms authors, GPL-3.0-or-later"
html_title = html_short_title = "voiceagent.sms"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 3

html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"

default_role = "any"
nitpicky = True
# Ansible's own settings are on Ansible's own site, and this one is built without the internet.
nitpick_ignore_regex = [("envvar", "ANSIBLE_CACHE_PLUGIN.*")]
