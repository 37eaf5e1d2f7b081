package httpstep

import (
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
)

// Limits of max_response in bytes.
const (
	defaultResponse = 10_000_000
	maxResponse     = 100_000_000
)

func (s *step) setLimit(args *flows.Args) error {
	s.limit = defaultResponse
	if !args.Has("max_response") {
		return nil
	}
	limit, ok := content.ParseSize(args.String("max_response"))
	if !ok || limit < 1 || limit > maxResponse {
		return args.Errorf("max_response", "max_response is a size from 1B to %s, such as 512KB or 10MB", content.SizeText(maxResponse))
	}
	s.limit = limit
	return nil
}
