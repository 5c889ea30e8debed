//! What the proxy answers in the place of a target.
