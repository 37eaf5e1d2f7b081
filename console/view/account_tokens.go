package view

import "time"

// PersonalTokens are the personal tokens of a user.
type PersonalTokens struct {
	All    []PersonalToken
	Scopes []string // that the user holds
	New    string   // text of the token that was just made; empty: none
}

// PersonalToken is one token, without its text.
type PersonalToken struct {
	ID, Name string
	Scopes   []TokenScope
	Expires  time.Time
	Used     time.Time // zero: never
}

// TokenScope is a scope of a token.
type TokenScope struct {
	Name string
	Held bool // the user still holds it
}
