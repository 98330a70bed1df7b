//! Helpers for tests: throw-away lakes, power-loss images, oracles.
