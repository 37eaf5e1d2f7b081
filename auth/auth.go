// Package auth says who is asking and what they may do: principals, scopes,
// and one file per way to prove who one is.
package auth
