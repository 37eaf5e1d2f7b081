// Package auth authenticates callers and decides what they may do: principals, scopes, and one file for each
// authentication scheme.
package auth
