//! What the house promises, checked from outside: see the test targets beside this file.
