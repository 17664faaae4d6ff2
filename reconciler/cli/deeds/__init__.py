"""The verbs that act: thin faces of reconciler/operations. Hooked in by reconciler/cli/commands."""
