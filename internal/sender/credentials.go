package sender

import (
	"regexp"
	"slices"
	"strings"
)

// Credentials are the places in which a delivery has secrets.
type Credentials struct {
	Headers    []string // with a token
	Signatures []string // headers with a signature
	Names      []string // query parameters, and members of the body
}

var credentialPlace = regexp.MustCompile(`\{(header|param|member):([^}]+)\}`)

// Credentials returns where the deliveries of the sender have secrets.
func (s *Scheme) Credentials() (c Credentials) {
	headers := &c.Headers
	if s.Signs() {
		headers = &c.Signatures
	}
	*headers = slices.Clone(s.spec.Header)
	if s.spec.Param != "" {
		c.Names = []string{s.spec.Param}
	}
	templates := []string{s.spec.Signature}
	for i := range s.spec.Challenge {
		templates = append(templates, s.spec.Challenge[i].Token)
	}
	if s.spec.VerifyToken != "" {
		templates = append(templates, hubChallenge().Token)
	}
	for _, place := range credentialPlace.FindAllStringSubmatch(strings.Join(templates, ""), -1) {
		if place[1] == "header" {
			*headers = append(*headers, place[2])
			continue
		}
		c.Names = append(c.Names, place[2], place[2][strings.LastIndexByte(place[2], '.')+1:])
	}
	return c
}
