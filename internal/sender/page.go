package sender

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Page returns the description of the sender in Markdown: what to do there, what to write here, what is checked, and who
// checked it.
func (e *Entry) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", e.Title)
	fmt.Fprintf(&b, "There: %s\n\n", strings.TrimSpace(e.Setup))
	fmt.Fprintf(&b, "Here:\n\n```yaml\n%s```\n\n", e.Lines())
	if e.Secret != "" {
		fmt.Fprintf(&b, "The secret is %s.\n", e.Secret)
	}
	fmt.Fprintf(&b, "%s\n", e.Checked())
	if id := e.Verify.withDefaults().ID; !e.signsID() {
		fmt.Fprintf(&b, "The id of a delivery is in `%s`, which is not signed: a party that has read a delivery can send it again under another id%s.\n", id, e.whileTimely())
	}
	if e.Verify.Event != "" {
		fmt.Fprintf(&b, "The event's name is in `%s`.\n", e.Verify.Event)
	}
	if e.Note != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(e.Note))
	}
	fmt.Fprintf(&b, "\nChecked %s. The sender's description: <%s>\n", e.CheckedBy(), e.Docs)
	return b.String()
}

// signsID reports whether the signature is also about the id of the delivery, which may be in a header. It is true where nothing
// is signed, or there is no id.
func (e *Entry) signsID() bool {
	v := e.Verify.withDefaults()
	signs := slices.Contains([]string{schemeHMAC, schemeEd25519, schemeECDSA, schemeRSA}, v.Scheme)
	return !signs || !strings.HasPrefix(v.ID, "{header:") || strings.Contains(v.Signed, v.ID)
}

// whileTimely says until when an old delivery is accepted.
func (e *Entry) whileTimely() string {
	if v := e.Verify.withDefaults(); v.hasTime() {
		return ", within the tolerance of its time"
	}
	return ""
}

// CheckedBy says what the entry was checked against.
func (e *Entry) CheckedBy() string {
	if e.Library == "" {
		return "against a computation of our own: no library of the sender was found that signs or verifies"
	}
	registry, rest, _ := strings.Cut(e.Library, " ")
	name, version, _ := strings.Cut(rest, " ")
	if registry == "go" {
		registry = "Go"
	}
	return fmt.Sprintf("against the sender's library `%s` %s (%s)", name, version, registry)
}

// Asks says which questions the sender asks; empty: none.
func (e *Entry) Asks() string {
	var all []string
	for _, c := range e.Verify.Challenge {
		method := c.Method
		if method == "" {
			method = "POST"
		}
		proof := map[string]string{"": "signed", proofSignature: "signed", proofToken: "`verify_token`", proofNone: "unproved"}[c.Proof]
		if v := e.Verify.Scheme; proof == "signed" && (v == schemeToken || v == schemeBasic) {
			proof = "with the secret"
		}
		all = append(all, method+", "+proof)
	}
	return strings.Join(all, "; ")
}

// Describe returns what is known of the sender of a flow, whose scheme has the name: the entry of the catalogue, with what the flow adds
// to it, or an entry with nothing but its description.
func Describe(name string, s *Scheme) *Entry {
	e := Entry{Name: name}
	if known, ok := Find(name); ok {
		e = *known
	} else if name == schemeStandard {
		e = *Standard()
	}
	e.Verify = s.Spec()
	return &e
}

// Checked says in a sentence what proves a delivery, in Markdown.
func (e *Entry) Checked() string {
	v := e.Verify.withDefaults()
	where := e.where(&v)
	var text string
	switch v.Scheme {
	case schemeNone:
		text = "Nothing is checked: anybody may send."
	case schemeStandard:
		text = "Checked are the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of Standard Webhooks, or those of Svix."
	case schemeToken:
		text = fmt.Sprintf("Compared is the token in %s.", where)
	case schemeBasic:
		text = "Compared are the user name and the password (Basic)."
	case schemeJWT:
		text = fmt.Sprintf("Checked is the JWT (%s) in %s", v.Algorithm, where)
		if v.BodyClaim != "" {
			text += fmt.Sprintf(", whose claim `%s` is the hash of the body", v.BodyClaim)
		}
		text += "."
	default:
		text = fmt.Sprintf("Checked is the signature in %s: %s of `%s`, in %s.", where, e.algorithm(&v), strings.ReplaceAll(v.Signed, "\n", `\n`), v.Encoding)
	}
	if v.hasTime() && v.Scheme != schemeJWT {
		text += fmt.Sprintf(" The time may be off by %s.", durationText(v.Tolerance))
	}
	return text
}

func (e *Entry) algorithm(v *Spec) string {
	name := map[string]string{schemeHMAC: "HMAC", schemeEd25519: "Ed25519", schemeECDSA: "ECDSA", schemeRSA: "RSA"}[v.Scheme]
	if v.Scheme == schemeEd25519 {
		return name
	}
	hash := strings.ToUpper(v.Algorithm)
	if len(v.Algorithms) > 0 {
		var all []string
		for _, h := range v.Algorithms {
			all = append(all, strings.ToUpper(h))
		}
		slices.Sort(all)
		hash = strings.Join(all, " or ")
	}
	return name + " with " + hash
}

func (e *Entry) where(v *Spec) string {
	switch {
	case v.Signature != "":
		return "`" + v.Signature + "`"
	case v.Param != "":
		return "the parameter `" + v.Param + "`"
	case len(v.Header) == 0:
		return "the header `Authorization` (Bearer)"
	}
	return "the header `" + strings.Join(v.Header, "` or `") + "`"
}

// durationText writes a duration of whole minutes as flows do: 5m, 1h.
func durationText(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		return strings.TrimSuffix(text, "0m")
	}
	return text
}
