package llm

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/flows"
)

// Codes of failures. None has a class, so that retry does not ask again: the same question would cost the same again.
const (
	codeRefused  flows.Code = "llm_refused"  // the model refused
	codeCutOff   flows.Code = "llm_cut_off"  // the answer is longer than max_tokens
	codeFiltered flows.Code = "llm_filtered" // the provider withheld the answer
	codeOutput   flows.Code = "llm_output"   // the answer does not fit the schema, also not after a second question
	codeTurns    flows.Code = "llm_turns"    // the model did not finish within max_turns
	codeBudget   flows.Code = "llm_budget"   // the next turn may exceed max_run_tokens or max_cost
	codeAnswer   flows.Code = "llm_answer"   // the response is none that the API promises
)

func failed(code flows.Code, format string, args ...any) *flows.Error {
	return &flows.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// maxCalls is the maximum number of calls in one answer.
const maxCalls = 32

var errTooManyCalls = fmt.Errorf("it calls more than %d tools at once", maxCalls)

// unfinished returns the failure of an answer that did not end by itself; nil: it did.
func (s *step) unfinished(a *answer) error {
	switch a.stop {
	case stopCutOff:
		return failed(codeCutOff, "the answer is longer than max_tokens, which is %d", s.maxTokens)
	case stopRefused:
		return failed(codeRefused, "the model refused to answer")
	case stopFiltered:
		return failed(codeFiltered, "the provider's content filter withheld the answer")
	}
	return nil
}

// lost reports whether a request may have been answered, and charged for, although no answer came.
func lost(err error) bool {
	var known *flows.Error
	return !errors.As(err, &known) || known.Upstream == 0
}
