// Package mistake has the codes of the mistakes in flow files and connectors, and what each means.
package mistake

import (
	"errors"
	"fmt"
)

// Code is the cause of a mistake. Its text is stable: programs compare it. The zero value is none.
type Code uint8

// The codes, in the order of their page.
const (
	// How the file is written.
	EmptyFile Code = iota + 1
	BadYAML
	TabIndent
	UnsupportedYAML
	BadNumber
	DuplicateKey
	SecondDocument
	TooLarge
	TooDeep
	TooMany

	// Keys and values.
	WrongType
	UnknownKey
	RequiredKey
	ExclusiveKeys
	DependentKey
	MeaninglessKey
	UnknownValue
	OutOfRange
	BadDuration
	BadSize
	BadTime
	BadStatus
	BadName
	BadHeader
	BadURL
	BadPath
	BadSchema
	BadPattern
	BadValue
	FixedValue
	ComputedName
	DuplicateName
	UnknownName

	// Steps.
	UnknownKind
	NoKind
	TwoKinds
	EmptySteps
	UnreachableStep
	SecondResponse
	ResponsePlace

	// Expressions.
	EmptyExpression
	BadExpression
	UnclosedExpression
	UnknownVariable
	UnknownMember
	UnknownFunction
	ForbiddenFunction
	UnavailableVariable
	UnknownStep
	LaterStep
	AmbiguousStep
	ReservedName
	SecretPlace
	CredentialRead

	// Triggers and runs.
	BadSchedule
	UnknownTimeZone
	BadQueue
	ReservedPath
	TakenPath
	IncompatibleSettings

	// Connectors and what a flow uses.
	BadConnector
	UnknownConnector
	UnknownOperation
	RefusedUse
	DuplicateFlow

	end // of the codes
)

// words are the texts of the codes. Read only.
var words = [end]string{
	EmptyFile: "empty_file", BadYAML: "bad_yaml", TabIndent: "tab_indent", UnsupportedYAML: "unsupported_yaml", BadNumber: "bad_number",
	DuplicateKey: "duplicate_key", SecondDocument: "second_document", TooLarge: "too_large", TooDeep: "too_deep", TooMany: "too_many",

	WrongType: "wrong_type", UnknownKey: "unknown_key", RequiredKey: "required_key", ExclusiveKeys: "exclusive_keys", DependentKey: "dependent_key",
	MeaninglessKey: "meaningless_key", UnknownValue: "unknown_value", OutOfRange: "out_of_range", BadDuration: "bad_duration", BadSize: "bad_size",
	BadTime: "bad_time", BadStatus: "bad_status", BadName: "bad_name", BadHeader: "bad_header", BadURL: "bad_url", BadPath: "bad_path",
	BadSchema: "bad_schema", BadPattern: "bad_pattern", BadValue: "bad_value", FixedValue: "fixed_value", ComputedName: "computed_name",
	DuplicateName: "duplicate_name", UnknownName: "unknown_name",

	UnknownKind: "unknown_kind", NoKind: "no_kind", TwoKinds: "two_kinds", EmptySteps: "empty_steps", UnreachableStep: "unreachable_step",
	SecondResponse: "second_response", ResponsePlace: "response_place",

	EmptyExpression: "empty_expression", BadExpression: "bad_expression", UnclosedExpression: "unclosed_expression",
	UnknownVariable: "unknown_variable", UnknownMember: "unknown_member", UnknownFunction: "unknown_function", ForbiddenFunction: "forbidden_function",
	UnavailableVariable: "unavailable_variable", UnknownStep: "unknown_step", LaterStep: "later_step", AmbiguousStep: "ambiguous_step",
	ReservedName: "reserved_name", SecretPlace: "secret_place", CredentialRead: "credential_read",

	BadSchedule: "bad_schedule", UnknownTimeZone: "unknown_time_zone", BadQueue: "bad_queue", ReservedPath: "reserved_path", TakenPath: "taken_path",
	IncompatibleSettings: "incompatible_settings",

	BadConnector: "bad_connector", UnknownConnector: "unknown_connector", UnknownOperation: "unknown_operation", RefusedUse: "refused_use",
	DuplicateFlow: "duplicate_flow",
}

// String returns the text of the code, such as "unknown_key"; empty: it is none.
func (c Code) String() string {
	if c >= end {
		return ""
	}
	return words[c]
}

// All returns the codes in the order of their page.
func All() []Code {
	all := make([]Code, 0, end-1)
	for c := Code(1); c < end; c++ {
		all = append(all, c)
	}
	return all
}

// Error is an error with the code of the mistake that it describes.
type Error struct {
	Code Code
	text string
}

func (e *Error) Error() string { return e.text }

// Errorf returns an error with a code.
func Errorf(code Code, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// Of returns the code of an error, and other for one without.
func Of(err error, other Code) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return other
}
