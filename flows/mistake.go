package flows

import "github.com/penstock/penstock/flows/internal/mistake"

// MistakeCode is the cause of a mistake in a flow file. Its text is stable.
type MistakeCode = mistake.Code

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

// ExplainMistake returns the page of a code in Markdown; "" for an unknown one.
func ExplainMistake(code string) string { return mistake.Explain(code) }

// MistakeCodes returns the codes of all mistakes in the order of their page.
func MistakeCodes() []MistakeCode { return mistake.All() }
