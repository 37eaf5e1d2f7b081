package flows

import (
	"fmt"
	"strconv"
)

// Statuses is a set of HTTP statuses and classes: 200, 404, 2xx.
type Statuses struct {
	exact   map[int]bool
	classes [6]bool // index 5: 5xx
}

// Has reports whether the status is in the set.
func (s Statuses) Has(status int) bool {
	return s.exact[status] || status >= 100 && status < 600 && s.classes[status/100]
}

// add adds "404" or "4xx" to the set.
func (s *Statuses) add(word string) error {
	if len(word) == 3 && word[1:] == "xx" && word[0] >= '1' && word[0] <= '5' {
		s.classes[word[0]-'0'] = true
		return nil
	}
	status, err := strconv.Atoi(word)
	if err != nil || status < 100 || status > 599 {
		return fmt.Errorf("%q is no HTTP status (100 to 599) or class (2xx)", word)
	}
	if s.exact == nil {
		s.exact = map[int]bool{}
	}
	s.exact[status] = true
	return nil
}
