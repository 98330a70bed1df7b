//! What both programs share at the terminal: settings, rendering, exit codes.
