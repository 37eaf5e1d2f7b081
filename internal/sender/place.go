package sender

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	// maxProofs is the maximum number of signatures that are read from one delivery. Senders add one per secret during
	// a rotation.
	maxProofs = 16
	// maxProofText is the maximum length of a header with signatures.
	maxProofText = 16 << 10
)

// place is where a delivery has its signatures, and how they are written.
type place struct {
	headers  []string
	param    string
	value    *template // nil: headers or param
	prefix   string
	pieces   []piece // of a format; none: the whole text is one signature
	cut      string  // between the pieces
	encoding string
}

// piece is one member of a format: a text before a value.
type piece struct {
	before string
	what   string // signature or timestamp
}

func newPlace(v *Spec) (*place, error) {
	p := &place{headers: v.Header, param: v.Param, prefix: v.Prefix, encoding: v.Encoding}
	if v.Signature != "" {
		var err error
		if p.value, err = parseTemplate(v.Signature, "header", "param", "member"); err != nil {
			return nil, &FieldError{"signature", err.Error()}
		}
	}
	if v.Format == "" {
		return p, nil
	}
	p.cut = ","
	if strings.Contains(v.Format, ";") {
		p.cut = ";"
	}
	for text := range strings.SplitSeq(v.Format, p.cut) {
		before, rest, found := strings.Cut(strings.TrimSpace(text), "{")
		what, after, closed := strings.Cut(rest, "}")
		if !found || !closed || after != "" || what != "signature" && what != "timestamp" {
			return nil, &FieldError{"format", fmt.Sprintf("%q must be pieces such as t={timestamp} and v1={signature} with , or ; between them", v.Format)}
		}
		p.pieces = append(p.pieces, piece{before, what})
	}
	if !slices.ContainsFunc(p.pieces, func(x piece) bool { return x.what == "signature" }) || len(p.pieces) > 4 {
		return nil, &FieldError{"format", "it must have {signature}, and at most 4 pieces"}
	}
	return p, nil
}

// hasTime reports whether the format has the time.
func (p *place) hasTime() bool {
	return slices.ContainsFunc(p.pieces, func(x piece) bool { return x.what == "timestamp" })
}

// texts returns the signatures as they are written, and the time of the format.
func (p *place) texts(d *Delivery) (signatures []string, timestamp string) {
	for _, text := range p.given(d) {
		if len(text) > maxProofText {
			continue
		}
		text, ok := strings.CutPrefix(text, p.prefix)
		switch {
		case !ok || text == "":
		case len(p.pieces) == 0:
			signatures = append(signatures, text)
		default:
			signatures, timestamp = p.split(text, signatures, timestamp)
		}
	}
	return signatures[:min(len(signatures), maxProofs)], timestamp
}

// given returns the texts that have the signatures, as they are sent; empty ones are not sent.
func (p *place) given(d *Delivery) (all []string) {
	switch {
	case p.value != nil:
		return []string{p.value.text(d)}
	case p.param != "":
		return []string{d.Query.Get(p.param)}
	}
	for _, h := range p.headers {
		all = append(all, d.Header.Get(h))
	}
	return all
}

// split reads the pieces of a format, in any order. The first time counts.
func (p *place) split(text string, signatures []string, timestamp string) ([]string, string) {
	for member := range strings.SplitSeq(text, p.cut) {
		member = strings.TrimSpace(member)
		for _, x := range p.pieces {
			value, ok := strings.CutPrefix(member, x.before)
			if !ok || value == "" {
				continue
			}
			if x.what == "timestamp" && timestamp == "" {
				timestamp = value
				break
			}
			if x.what == "signature" && len(signatures) < maxProofs {
				signatures = append(signatures, value)
				break
			}
		}
	}
	return signatures, timestamp
}

// read returns the decoded signatures and the time of the format. Signatures that cannot be decoded are left out.
func (p *place) read(d *Delivery) (signatures [][]byte, timestamp string) {
	texts, timestamp := p.texts(d)
	for _, text := range texts {
		if s := decode(p.encoding, text); s != nil {
			signatures = append(signatures, s)
		}
	}
	return signatures, timestamp
}

// explainMissing says what of the proof is missing.
func (p *place) explainMissing(d *Delivery) error {
	word, where := "param", "the parameter "+p.param
	switch {
	case p.value != nil:
		word, where = "signature", p.value.source
	case p.param == "" && len(p.headers) == 0:
		word, where = "header", "the bearer token in the header Authorization"
	case p.param == "":
		word, where = "header", "the header "+strings.Join(p.headers, " or ")
	}
	given := slices.DeleteFunc(p.given(d), func(text string) bool { return text == "" })
	switch {
	case len(given) == 0:
		return flawed(word, ErrUnsigned, "%s is missing", where)
	case !slices.ContainsFunc(given, func(text string) bool { return strings.HasPrefix(text, p.prefix) }):
		return flawed("prefix", ErrUnsigned, "%s does not begin with %q", where, p.prefix)
	case len(p.pieces) > 0:
		return flawed("format", ErrUnsigned, "%s is not written as the format says", where)
	}
	return flawed("encoding", ErrUnsigned, "%s is not %s", where, p.encoding)
}

// decode decodes a signature; nil when it is invalid or empty.
func decode(encoding, text string) []byte {
	var out []byte
	var err error
	switch encoding {
	case "base64":
		out, err = base64.StdEncoding.DecodeString(text)
	case "base64url":
		out, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	default:
		out, err = hex.DecodeString(strings.ToLower(text))
	}
	if err != nil || len(out) == 0 {
		return nil
	}
	return out
}

// encode is the inverse of decode.
func encode(encoding string, bytes []byte) string {
	switch encoding {
	case "base64":
		return base64.StdEncoding.EncodeToString(bytes)
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(bytes)
	}
	return hex.EncodeToString(bytes)
}
