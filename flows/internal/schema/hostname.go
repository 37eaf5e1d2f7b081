package schema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const maxHostname = 253 // RFC 1035, section 2.3.4, without the last dot

// ldhLabel is a label of letters, digits and hyphens (RFC 1123, section 2.1).
var ldhLabel = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// checkHostname checks a host name in ASCII. Its labels that begin with xn-- stand for valid labels of IDNA.
func checkHostname(s string) error {
	if len(s) > maxHostname {
		return errors.New("is longer than 253 characters")
	}
	for label := range strings.SplitSeq(s, ".") {
		if !ldhLabel.MatchString(label) {
			return fmt.Errorf("the label %.70q is not of letters, digits and hyphens", label)
		}
	}
	return checkIDNA(s)
}

// checkIDNHostname checks an internationalized host name (RFC 5890, section 2.3.2.3).
func checkIDNHostname(s string) error {
	const maxBytes = 4 * maxHostname // of its characters in UTF-8
	if len(s) > maxBytes {
		return errors.New("is longer than 253 characters")
	}
	s = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(s)
	ascii, err := labels.ToASCII(s)
	if err != nil {
		return errors.New("is no internationalized host name")
	}
	return checkHostname(ascii)
}

// labels checks labels without mapping them (RFC 5891, section 4.2; RFC 5893).
var labels = idna.New(idna.ValidateLabels(true), idna.CheckHyphens(true), idna.CheckJoiners(true), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// checkIDNA checks the labels of a host name in ASCII that stand for others.
func checkIDNA(s string) error {
	if !strings.Contains(strings.ToLower(s), "xn--") {
		return nil
	}
	text, err := labels.ToUnicode(strings.ToLower(s))
	if err != nil {
		return errors.New("has an invalid internationalized label")
	}
	if back, err := labels.ToASCII(text); err != nil || !strings.EqualFold(back, s) {
		return errors.New("has an invalid internationalized label")
	}
	for label := range strings.SplitSeq(text, ".") {
		if err := checkContext([]rune(label)); err != nil {
			return err
		}
	}
	return nil
}

// The exceptions of RFC 5892, section 2.6, to letters, digits and marks, and the characters with a rule of their context.
const (
	permitted  = "-\u06fd\u06fe\u0f0b\u3007\u00b7\u0375\u05f3\u05f4\u30fb\u200c\u200d"
	disallowed = "\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b"
)

// checkContext checks the characters of a label, and where they are (RFC 5892, sections 2.1, 2.2, 2.6 and A.3 to A.9).
func checkContext(label []rune) error {
	if !norm.NFKC.IsNormalString(string(label)) {
		return errors.New("has a character that stands for others")
	}
	for i, r := range label {
		known := unicode.In(r, unicode.Ll, unicode.Lo, unicode.Lm, unicode.Nd, unicode.Mn, unicode.Mc) || strings.ContainsRune(permitted, r)
		if !known || strings.ContainsRune(disallowed, r) || !contextAllows(label, i) {
			return fmt.Errorf("has the character %U, which is not allowed there", r)
		}
	}
	return nil
}

func contextAllows(label []rune, i int) bool {
	at := func(i int) rune {
		if i < 0 || i >= len(label) {
			return -1
		}
		return label[i]
	}
	between := func(low, high rune) bool {
		return slices.ContainsFunc(label, func(r rune) bool { return r >= low && r <= high })
	}
	switch r := label[i]; {
	case r == '\u00b7': // middle dot
		return at(i-1) == 'l' && at(i+1) == 'l'
	case r == '\u0375': // Greek keraia
		return unicode.Is(unicode.Greek, at(i+1))
	case r == '\u05f3', r == '\u05f4': // Hebrew geresh, gershayim
		return unicode.Is(unicode.Hebrew, at(i-1))
	case r == '\u30fb': // katakana middle dot
		return slices.ContainsFunc(label, func(r rune) bool {
			return r != '\u30fb' && unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han)
		})
	case r >= '\u0660' && r <= '\u0669': // Arabic-Indic digits
		return !between('\u06f0', '\u06f9')
	case r >= '\u06f0' && r <= '\u06f9': // extended Arabic-Indic digits
		return !between('\u0660', '\u0669')
	}
	return true
}
