"""What is said in Slack: drawing a digest as messages, and posting each message once. The only user of slack_sdk."""
