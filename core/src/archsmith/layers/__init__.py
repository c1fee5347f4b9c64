"""What several architectures share: functions without parameters. Modules that own parameters stay with each model."""
