// Package workload knows which programs of a CI may get a token, by the tokens that the CI issues to them (workload identity). What a rule grants is
// decided by who asks: it names an API client and scopes.
package workload

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/penstock/penstock/internal/localhost"
)

// MaxLife is how long a token lives at most, and if the rule says nothing.
const MaxLife = 15 * time.Minute

// maxRules is the maximum number of rules.
const maxRules = 200

// Rule says which tokens of an issuer are exchanged, and for what. Name, Issuer, Claims, Client and Scopes are required.
type Rule struct {
	Name     string `yaml:"name"`
	Issuer   string `yaml:"issuer"`   // URL, as the tokens have it
	Audience string `yaml:"audience"` // the only one of the tokens; empty: the issuer of this installation

	// Claims are conditions on texts of the token, all of which hold: a text, or several of which one holds. A whole part between two slashes may
	// be *, but not the first one.
	Claims map[string]any `yaml:"claims"`

	Client  string   `yaml:"client"`  // identifier of the API client as which the program acts
	Scopes  []string `yaml:"scopes"`  // of its token, within those of the client
	Minutes int      `yaml:"minutes"` // that the token lives; 0: MaxLife

	conditions map[string][]string // Claims, read
}

// Life returns how long a token lives.
func (r *Rule) Life() time.Duration {
	if r.Minutes == 0 {
		return MaxLife
	}
	return time.Duration(r.Minutes) * time.Minute
}

var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// notConditions are claims that say nothing about the program, or that are checked anyway. Read only.
var notConditions = []string{"iss", "aud", "exp", "iat", "nbf", "jti"}

// Parse reads rules in YAML. It refuses what it does not know.
func Parse(text []byte) ([]Rule, error) {
	var file struct {
		Rules []Rule `yaml:"rules"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read rules: %s", yaml.FormatError(err, false, false))
	}
	if n := len(file.Rules); n == 0 || n > maxRules {
		return nil, fmt.Errorf("read rules: there are 1 to %d", maxRules)
	}
	for i := range file.Rules {
		r := &file.Rules[i]
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("read rules: rule %d, %q: %w", i+1, r.Name, err)
		}
		if slices.ContainsFunc(file.Rules[:i], func(o Rule) bool { return o.Name == r.Name }) {
			return nil, fmt.Errorf("read rules: %q comes twice", r.Name)
		}
	}
	return file.Rules, nil
}

func (r *Rule) check() error {
	issuer, err := url.Parse(r.Issuer)
	switch {
	case !ruleName.MatchString(r.Name):
		return errors.New("name: it has 1 to 64 small letters, digits, - and _")
	case err != nil || issuer.Host == "" || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "":
		return errors.New("issuer: it is a URL such as https://token.actions.githubusercontent.com")
	case issuer.Scheme != "https" && !(issuer.Scheme == "http" && localhost.Is(issuer.Hostname())):
		return errors.New("issuer: it begins with https://")
	case r.Client == "":
		return errors.New("client: it is missing")
	case len(r.Scopes) == 0:
		return errors.New("scopes: there is none, so that the token would allow nothing")
	case r.Minutes < 0 || r.Life() > MaxLife:
		return fmt.Errorf("minutes: they are 1 to %.0f", MaxLife.Minutes())
	case len(r.Claims) == 0:
		return errors.New("claims: there is no condition, so that any program of the issuer would be let in; for example repository: acme/flows")
	}
	r.conditions = map[string][]string{}
	for name, condition := range r.Claims {
		if slices.Contains(notConditions, name) {
			return fmt.Errorf("claims.%s: it says nothing about the program; name its repository, for example", name)
		}
		values, ok := texts(condition)
		if !ok {
			return fmt.Errorf("claims.%s: it is a text or a list of texts", name)
		}
		for _, v := range values {
			if err := checkPattern(name, v); err != nil {
				return fmt.Errorf("claims.%s: %w", name, err)
			}
		}
		r.conditions[name] = values
	}
	return nil
}

// texts returns a text, or those of a list; false: it is neither, or empty.
func texts(condition any) (all []string, ok bool) {
	if one, ok := condition.(string); ok {
		return []string{one}, true
	}
	list, _ := condition.([]any)
	for _, one := range list {
		text, ok := one.(string)
		if !ok {
			return nil, false
		}
		all = append(all, text)
	}
	return all, len(all) > 0
}

// checkPattern accepts a * only as a whole part after the first: "acme/*" is every repository of acme, "acme/flows*" would be one that anybody in
// acme may make, and "*/flows" one that anybody may.
func checkPattern(name, pattern string) error {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		switch {
		case part == "":
			return fmt.Errorf("%q has an empty part", pattern)
		case strings.Contains(part, "*") && (part != "*" || i == 0 || name == "sub"):
			return fmt.Errorf("%q: a * is a whole part after the first, as in acme/*; never in sub", pattern)
		}
	}
	return nil
}

// holds reports whether a claim fulfils a condition. Only a text does: a list, a number or an object is never one.
func holds(values []string, claim any) bool {
	text, ok := claim.(string)
	return ok && slices.ContainsFunc(values, func(pattern string) bool { return matches(pattern, text) })
}

func matches(pattern, text string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == text
	}
	want, got := strings.Split(pattern, "/"), strings.Split(text, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && (want[i] != "*" || got[i] == "") {
			return false
		}
	}
	return true
}
