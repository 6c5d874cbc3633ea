# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules in awx.awx 24.6.1, and which of them name another object."""

from __future__ import annotations

NOTIFICATIONS = {f"notification_templates_{when}": "list" for when in ("started", "success", "error")}
ASKED = (
    *("scm_branch", "diff_mode", "variables", "limit", "tags", "skip_tags", "job_type", "verbosity", "inventory"),
    *("credential", "execution_environment", "forks", "instance_groups", "job_slice_count", "labels", "timeout"),
)

#: Options by module, each with its type; those of authentication, copying and renaming are left out.
OPTIONS: dict[str, dict[str, str]] = {
    "organization": {
        **dict.fromkeys(("name", "description", "default_environment", "custom_virtualenv"), "str"),
        **dict.fromkeys(("instance_groups", "galaxy_credentials", "notification_templates_approvals"), "list"),
        **NOTIFICATIONS,
        "max_hosts": "int",
    },
    "credential_type": {
        **dict.fromkeys(("name", "description", "kind"), "str"),
        **dict.fromkeys(("inputs", "injectors"), "dict"),
    },
    "credential": {
        **dict.fromkeys(("name", "description", "organization", "credential_type", "user", "team", "state"), "str"),
        "inputs": "dict",
        "update_secrets": "bool",
    },
    "execution_environment": dict.fromkeys(
        ("name", "description", "image", "organization", "credential", "pull"), "str"
    ),
    "notification_template": {
        **dict.fromkeys(("name", "description", "organization", "notification_type"), "str"),
        **dict.fromkeys(("notification_configuration", "messages"), "dict"),
    },
    "project": {
        **dict.fromkeys(
            ("name", "description", "organization", "scm_type", "scm_url", "local_path", "scm_branch", "scm_refspec")
            + ("credential", "default_environment", "signature_validation_credential"),
            "str",
        ),
        **dict.fromkeys(
            ("scm_clean", "scm_delete_on_update", "scm_track_submodules", "scm_update_on_launch", "allow_override")
            + ("wait", "update_project"),
            "bool",
        ),
        **NOTIFICATIONS,
        "scm_update_cache_timeout": "int",
        "timeout": "int",
        "interval": "float",
    },
    "inventory": {
        **dict.fromkeys(("name", "description", "organization", "kind", "host_filter"), "str"),
        **dict.fromkeys(("instance_groups", "input_inventories"), "list"),
        "variables": "dict",
        "prevent_instance_group_fallback": "bool",
    },
    "inventory_source": {
        **dict.fromkeys(
            ("name", "description", "organization", "inventory", "source", "source_path", "source_project")
            + ("enabled_var", "enabled_value", "host_filter", "limit", "credential", "execution_environment")
            + ("custom_virtualenv", "scm_branch"),
            "str",
        ),
        **dict.fromkeys(("overwrite", "overwrite_vars", "update_on_launch"), "bool"),
        **dict.fromkeys(("timeout", "verbosity", "update_cache_timeout"), "int"),
        **NOTIFICATIONS,
        "source_vars": "dict",
    },
    "job_template": {
        **dict.fromkeys(
            ("name", "description", "organization", "job_type", "inventory", "project", "playbook", "limit")
            + ("execution_environment", "custom_virtualenv", "start_at_task", "host_config_key", "scm_branch")
            + ("job_tags", "skip_tags", "webhook_service", "webhook_credential"),
            "str",
        ),
        **dict.fromkeys(("credentials", "instance_groups", "labels"), "list"),
        **dict.fromkeys(("forks", "verbosity", "timeout", "job_slice_count"), "int"),
        **dict.fromkeys(
            ("force_handlers", "use_fact_cache", "survey_enabled", "become_enabled", "diff_mode", "allow_simultaneous")
            + ("prevent_instance_group_fallback", *(f"ask_{name}_on_launch" for name in ASKED)),
            "bool",
        ),
        **NOTIFICATIONS,
        **dict.fromkeys(("extra_vars", "survey_spec"), "dict"),
    },
    "workflow_job_template": {
        **dict.fromkeys(
            ("name", "description", "organization", "inventory", "limit", "scm_branch", "job_tags", "skip_tags")
            + ("webhook_service", "webhook_credential"),
            "str",
        ),
        **dict.fromkeys(("labels", "workflow_nodes", "notification_templates_approvals"), "list"),
        **dict.fromkeys(
            ("survey_enabled", "allow_simultaneous", "destroy_current_nodes")
            + tuple(f"ask_{n}_on_launch" for n in ("inventory", "scm_branch", "limit", "variables", "labels", "tags")),
            "bool",
        ),
        **NOTIFICATIONS,
        **dict.fromkeys(("extra_vars", "survey_spec"), "dict"),
    },
    "schedule": {
        **dict.fromkeys(
            ("name", "description", "organization", "rrule", "unified_job_template", "inventory", "scm_branch")
            + ("job_type", "job_tags", "skip_tags", "limit", "execution_environment"),
            "str",
        ),
        **dict.fromkeys(("credentials", "instance_groups", "labels"), "list"),
        **dict.fromkeys(("forks", "job_slice_count", "timeout", "verbosity"), "int"),
        **dict.fromkeys(("diff_mode", "enabled"), "bool"),
        "extra_data": "dict",
    },
    "team": dict.fromkeys(("name", "description", "organization"), "str"),
    "role": {
        **dict.fromkeys(("role", "lookup_organization"), "str"),
        **dict.fromkeys(
            ("users", "teams", "target_teams", "inventories", "job_templates", "workflows", "credentials")
            + ("organizations", "projects", "instance_groups"),
            "list",
        ),
    },
}

#: The variable of infra.aap_configuration with each module's objects, in the order of their dependencies.
LISTS = {
    "organization": "aap_organizations",
    "execution_environment": "controller_execution_environments",
    "credential_type": "controller_credential_types",
    "credential": "controller_credentials",
    "notification_template": "controller_notifications",
    "project": "controller_projects",
    "inventory": "controller_inventories",
    "inventory_source": "controller_inventory_sources",
    "job_template": "controller_templates",
    "workflow_job_template": "controller_workflows",
    "schedule": "controller_schedules",
    "team": "aap_teams",
    "role": "controller_roles",
}

#: Options that name an object of another module (the first of these that has one of that name).
REFERENCES = {
    "organization": ("organization",),
    "execution_environment": ("execution_environment",),
    "default_environment": ("execution_environment",),
    "credential_type": ("credential_type",),
    "credential": ("credential",),
    "credentials": ("credential",),
    "project": ("project",),
    "source_project": ("project",),
    "inventory": ("inventory",),
    "unified_job_template": ("job_template", "workflow_job_template"),
    "lookup_organization": ("organization",),
    "teams": ("team",),
    "job_templates": ("job_template",),
    "workflows": ("workflow_job_template",),
    **dict.fromkeys(NOTIFICATIONS, ("notification_template",)),
}
