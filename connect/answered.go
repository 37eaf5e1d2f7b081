package connect

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/store"
)

// answered is what a connection makes of further members of the answer that has the token.
type answered struct {
	base    string // template of a URL; empty: none
	headers []pair // templates
}

// answerMember is a member in a template, by the names that lead to it: {instance_url}, {tenant.id}.
var answerMember = regexp.MustCompile(`\{([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\}`)

func newAnswered(s settings) (*answered, error) {
	headers, err := readPairs("headers", s.Text["headers"])
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		if !httpguts.ValidHeaderFieldName(h.name) || !httpguts.ValidHeaderFieldValue(h.value) || frames(h.name) || strings.EqualFold(h.name, "Authorization") {
			return nil, fmt.Errorf("headers: the header %.60q cannot be sent", h.name)
		}
	}
	base := s.Text["base"]
	if strings.ContainsAny(base, "?#") {
		return nil, errors.New("base has a ? or #: it is the beginning of URLs, which ends before their query")
	}
	if base != "" && !strings.HasPrefix(base, "{") && !strings.HasPrefix(base, "https://") && !strings.HasPrefix(base, "http://") {
		return nil, fmt.Errorf("base is no URL: it begins with https:// or with a member of the answer such as {instance_url}")
	}
	return &answered{base, headers}, nil
}

// fields returns the members that the templates name.
func (a *answered) fields() []string {
	var names []string
	for _, p := range append(slices.Clone(a.headers), pair{value: a.base}) {
		for _, found := range answerMember.FindAllStringSubmatch(p.value, -1) {
			names = append(names, found[1])
		}
	}
	return names
}

func (a *answered) headerNames() []string {
	names := make([]string, len(a.headers))
	for i, h := range a.headers {
		names[i] = h.name
	}
	return names
}

func (a *answered) setHeaders(req *http.Request, g *store.Grant) {
	for _, h := range a.headers {
		req.Header.Set(h.name, fillAnswer(h.value, g))
		for _, member := range answerMember.FindAllStringSubmatch(h.value, -1) {
			mask.Add(req.Context(), g.Fields[member[1]])
		}
	}
}

// fillAnswer replaces the members in a template by those of the answer.
func fillAnswer(template string, g *store.Grant) string {
	return answerMember.ReplaceAllStringFunc(template, func(member string) string { return g.Fields[member[1:len(member)-1]] })
}
