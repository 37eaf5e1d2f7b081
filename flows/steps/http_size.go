package steps

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
)

// Limits of max_response in bytes.
const (
	defaultResponse = 10_000_000
	maxResponse     = 100_000_000
)

func (s *httpStep) setLimit(args *flows.Args) error {
	s.limit = defaultResponse
	if !args.Has("max_response") {
		return nil
	}
	limit, ok := parseSize(args.String("max_response"))
	if !ok || limit < 1 || limit > maxResponse {
		return args.Errorf("max_response", "max_response is a size from 1B to %s, such as 512KB or 10MB", sizeText(maxResponse))
	}
	s.limit = limit
	return nil
}

// parseSize parses a number with a decimal unit: "512KB", "10 MB".
func parseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "kKmMbB ")
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0, false
	}
	switch strings.ToUpper(strings.TrimSpace(text[len(digits):])) {
	case "", "B":
		return n, true
	case "KB":
		return n * 1000, true
	case "MB":
		return n * 1000_000, true
	}
	return 0, false
}

func sizeText(n int64) string {
	switch {
	case n >= 1000_000 && n%1000_000 == 0:
		return fmt.Sprintf("%d MB", n/1000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%d KB", n/1000)
	}
	return fmt.Sprintf("%d bytes", n)
}
