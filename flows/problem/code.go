// Package problem has what is wrong in a flow file: the problems with their codes and text, and the corrections that are known.
package problem

import "github.com/penstock/penstock/flows/internal/mistake"

// Code is the cause of a mistake in a flow file. Its text is stable.
type Code = mistake.Code

// The codes with which step kinds and triggers refuse their arguments; docs/flow-problems.md explains them.
const (
	WrongType       = mistake.WrongType
	RequiredKey     = mistake.RequiredKey
	ExclusiveKeys   = mistake.ExclusiveKeys
	DependentKey    = mistake.DependentKey
	MeaninglessKey  = mistake.MeaninglessKey
	UnknownValue    = mistake.UnknownValue
	OutOfRange      = mistake.OutOfRange
	BadValue        = mistake.BadValue
	BadSize         = mistake.BadSize
	BadStatus       = mistake.BadStatus
	BadName         = mistake.BadName
	BadHeader       = mistake.BadHeader
	BadSchema       = mistake.BadSchema
	BadPattern      = mistake.BadPattern
	DuplicateName   = mistake.DuplicateName
	TooLarge        = mistake.TooLarge
	TooMany         = mistake.TooMany
	UnreachableStep = mistake.UnreachableStep
	SecondResponse  = mistake.SecondResponse
	DuplicateFlow   = mistake.DuplicateFlow
)

// Explain returns the page of a code in Markdown; "" for an unknown one.
func Explain(code string) string { return mistake.Explain(code) }

// Codes returns the codes of all mistakes in the order of their page.
func Codes() []Code { return mistake.All() }
