package httpstep

import (
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Limits of max_response in bytes.
const (
	defaultResponse = 10_000_000
	maxResponse     = 100_000_000

	defaultFile = 100_000_000 // with parse: file
	maxFile     = 1_000_000_000
)

// parseFile is the value of parse with which a body becomes a file.
const parseFile = "file"

func (s *step) setLimit(args *flows.Args) error {
	s.limit = defaultResponse
	most := int64(maxResponse)
	if s.parse == parseFile {
		s.limit, most = defaultFile, maxFile
	}
	if !args.Has("max_response") {
		return nil
	}
	limit, ok := flows.ParseSize(args.String("max_response"))
	if !ok || limit < 1 || limit > most {
		return args.Refuse(problem.BadSize, "max_response", "max_response is a size from 1B to %s, such as 512KB or 10MB", flows.SizeText(most))
	}
	s.limit = limit
	return nil
}

// tooLarge is the error for a response body above the limit.
func (s *step) tooLarge() error {
	return finalErrorf("the response body is larger than %s; raise max_response or ask for less", flows.SizeText(s.limit))
}
