package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// registerFormats replaces formats of the library that differ from their specifications. The regular expressions take
// linear time.
func registerFormats(c *jsonschema.Compiler) {
	for name, check := range map[string]func(string) error{
		"duration":      matching(duration),
		"ipv4":          checkIPv4,
		"hostname":      checkHostname,
		"idn-hostname":  checkIDNHostname,
		"email":         func(s string) error { return checkEmail(s, asciiLocal, checkHostname) },
		"idn-email":     func(s string) error { return checkEmail(s, anyLocal, checkIDNHostname) },
		"uri":           references(uri),
		"uri-reference": references(uri, uriRelative),
		"iri":           references(iri),
		"iri-reference": references(iri, iriRelative),
		"uri-template":  matching(uriTemplate),
	} {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return check(s)
			}
			return nil
		}})
	}
}

var errFormat = errors.New("does not match its grammar")

func matching(grammar *regexp.Regexp) func(string) error {
	return func(s string) error {
		if !grammar.MatchString(s) {
			return errFormat
		}
		return nil
	}
}

// duration is that of RFC 3339, appendix A.
var duration = regexp.MustCompile(`^P(?:\d+W|(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)(?:T` + durationTime + `)?|T` + durationTime + `)$`)

const durationTime = `(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)`

func checkIPv4(s string) error {
	if ip, err := netip.ParseAddr(s); err != nil || !ip.Is4() {
		return errors.New("is no IPv4 address")
	}
	return nil
}

// Local parts of addresses (RFC 5321, section 4.1.2; RFC 6531, section 3.3).
var (
	asciiLocal = localPart("", `\x20-\x7e`)
	anyLocal   = localPart(`\x{80}-\x{10ffff}`, `\x20-\x7e\x{80}-\x{10ffff}`)
)

func localPart(more, quoted string) *regexp.Regexp {
	atom := "[A-Za-z0-9!#$%&'*+/=?^_`{|}~" + more + "-]+"
	return regexp.MustCompile(`^(?:` + atom + `(?:\.` + atom + `)*|"(?:[\x20\x21\x23-\x5b\x5d-\x7e` + more + `]|\\[` + quoted + `])*")$`)
}

func checkEmail(s string, local *regexp.Regexp, checkDomain func(string) error) error {
	const maxLocal, maxAddress = 64, 254 // RFC 5321, section 4.5.3.1
	at := strings.LastIndexByte(s, '@')
	switch {
	case at < 0:
		return errors.New("has no @")
	case at > maxLocal || len(s) > maxAddress || !local.MatchString(s[:at]):
		return errors.New("has no valid local part")
	}
	domain := s[at+1:]
	literal, ok := strings.CutPrefix(domain, "[")
	if !ok {
		return checkDomain(domain)
	}
	literal, closed := strings.CutSuffix(literal, "]")
	if text, isIPv6 := strings.CutPrefix(literal, "IPv6:"); isIPv6 && closed {
		if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() && ip.Zone() == "" {
			return nil
		}
		return errors.New("has no IPv6 address behind its prefix")
	}
	if !closed {
		return errFormat
	}
	return checkIPv4(literal)
}

// Grammars of RFC 3986, appendix A, and RFC 3987, section 2.2. The first submatch that is not empty is the text of an IPv6
// address.
var (
	uri, uriRelative = referenceGrammars("", "")
	iri, iriRelative = referenceGrammars(ucschar, `\x{e000}-\x{f8ff}\x{f0000}-\x{ffffd}\x{100000}-\x{10fffd}`)
)

const ucschar = `\x{a0}-\x{d7ff}\x{f900}-\x{fdcf}\x{fdf0}-\x{ffef}\x{10000}-\x{1fffd}\x{20000}-\x{2fffd}\x{30000}-\x{3fffd}\x{40000}-\x{4fffd}` +
	`\x{50000}-\x{5fffd}\x{60000}-\x{6fffd}\x{70000}-\x{7fffd}\x{80000}-\x{8fffd}\x{90000}-\x{9fffd}\x{a0000}-\x{afffd}\x{b0000}-\x{bfffd}` +
	`\x{c0000}-\x{cfffd}\x{d0000}-\x{dfffd}\x{e1000}-\x{efffd}`

// referenceGrammars returns the grammars of absolute and of relative references with more characters in all parts, and in
// the query.
func referenceGrammars(more, private string) (absolute, relative *regexp.Regexp) {
	const percent = `%[0-9A-Fa-f]{2}`
	characters := func(extra string) string { // - is last in a class
		return `(?:[A-Za-z0-9._~!$&'()*+,;=` + more + extra + `-]|` + percent + `)`
	}
	segment := characters(":@")
	host := `(?:\[(?:([0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\]|` + characters("") + `*)`
	authority := `//(?:` + characters(":") + `*@)?` + host + `(?::\d*)?(?:/` + segment + `*)*`
	absolutePath := `/(?:` + segment + `+(?:/` + segment + `*)*)?`
	end := `(?:\?` + characters(`:@/?`+private) + `*)?(?:#` + characters(":@/?") + `*)?$`
	rootless := func(first string) string { return first + `+(?:/` + segment + `*)*` }
	absolute = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:(?:` + authority + `|` + absolutePath + `|` + rootless(segment) + `|)` + end)
	relative = regexp.MustCompile(`^(?:` + authority + `|` + absolutePath + `|` + rootless(characters("@")) + `|)` + end)
	return absolute, relative
}

// references checks that a text is of one of the grammars.
func references(grammars ...*regexp.Regexp) func(string) error {
	return func(s string) error {
		for _, grammar := range grammars {
			found := grammar.FindStringSubmatch(s)
			if found == nil {
				continue
			}
			if text := found[1]; text != "" {
				if ip, err := netip.ParseAddr(text); err != nil || !ip.Is6() {
					return fmt.Errorf("%q is no IPv6 address", text)
				}
			}
			return nil
		}
		return errFormat
	}
}

// uriTemplate is the grammar of RFC 6570, section 2, with its erratum 6937.
var uriTemplate = regexp.MustCompile(`^(?:[^\x00-\x20"%<>\\^` + "`" + `{|}\x7f-\x{9f}]|%[0-9A-Fa-f]{2}|\{[+#./;?&=,!@|]?` + varspec + `(?:,` + varspec + `)*\})*$`)

const (
	varchar = `(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})`
	varspec = varchar + `(?:\.?` + varchar + `)*(?::[1-9][0-9]{0,3}|\*)?`
)
