package credential

import (
	"regexp"
	"strings"
)

var (
	// begins matches the beginnings of tokens and keys that are known, such as those of Stripe, Slack, GitHub and AWS.
	begins = regexp.MustCompile(`^((sk|pk|rk|whsec|key|ntn|secret|hf|npm)[-_]|xox[a-z]-|xapp-|gh[a-z]_|github_pat_|glpat-|shp(at|ss|ca|pa)_|eyJ|A(KIA|SIA)[0-9A-Z]|SG\.|AIza|ya29\.|dop_v1_|lin_api_|pat-[a-z]+\d|-----BEGIN )`)
	// scheme matches the value of a header Authorization.
	scheme = regexp.MustCompile(`(?i)^(Bearer|Basic|Token|ApiKey|Digest) +\S`)
	random = regexp.MustCompile(`^[A-Za-z0-9+/_=.:~-]{16,}$`)
	// plain are identifiers, times and types of media, which are no secrets.
	plain = regexp.MustCompile(`^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|\d{4}-\d{2}-\d{2}T[0-9:.]+(Z|[+-]\d{2}:?\d{2})|[a-z]+(-[a-z0-9]+)*|[a-z.]+/[a-z0-9.+-]+)$`)
)

// Value reports whether a text looks like a credential: by its beginning, or because it is long and random.
func Value(s string) bool {
	switch {
	case len(s) > 12 && (begins.MatchString(s) || scheme.MatchString(s)):
		return true
	case !random.MatchString(s) || strings.Contains(s, "://") || plain.MatchString(s):
		return false
	}
	digits := strings.ContainsAny(s, "0123456789")
	lower := strings.ContainsFunc(s, func(c rune) bool { return c >= 'a' && c <= 'z' })
	upper := strings.ContainsFunc(s, func(c rune) bool { return c >= 'A' && c <= 'Z' })
	if len(s) < 20 {
		return digits && lower && upper && alternates(s)
	}
	return digits && (lower || upper)
}

// alternates reports whether letters and digits take turns often, as in random texts: AbC123dEf456, not Invoice2026.
func alternates(s string) bool {
	turns := 0
	for i := 1; i < len(s); i++ {
		if isDigit(s[i]) != isDigit(s[i-1]) {
			turns++
		}
	}
	return turns >= 3
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// words separates the words of a text.
var words = regexp.MustCompile(`[^\s"'<>(),;=&?]+={0,2}`)

// Redact returns a text for readers with *** in the place of words that look like credentials.
func Redact(s string) string {
	return words.ReplaceAllStringFunc(s, func(word string) string {
		if Value(strings.TrimRight(word, ".:!?")) {
			return "***"
		}
		return word
	})
}

// element matches an XML element with a text, field a member of a form, a query or a text of JSON.
var (
	element = regexp.MustCompile(`<([A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)(\s[^<>]*)?>([^<>]+)</`)
	field   = regexp.MustCompile(`(?:^|[\s?&;,{(])["']?([A-Za-z_][\w.-]*)["']?\s*[=:]\s*(?:"([^"]*)"|'([^']*)'|([^\s&;,"'<>(){}]+))`)
)

// Text replaces the credentials in a text that is neither JSON nor a form, such as XML: the values of elements, attributes and members
// whose names hold one, and words that look like one. with returns what stands in the place of a credential, plain what stands in
// that of the rest. name is "" where it has none.
func Text(s string, with func(name string) string, plain func(string) string) string {
	var b strings.Builder
	end := 0
	for _, span := range spans(s) {
		b.WriteString(plain(s[end:span.from]))
		b.WriteString(with(span.name))
		end = span.to
	}
	b.WriteString(plain(s[end:]))
	return b.String()
}
