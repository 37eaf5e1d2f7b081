package connect

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// awsType signs requests by AWS Signature Version 4
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
func awsType() Type {
	return Type{
		Name: "aws_sigv4", Summary: "AWS Signature Version 4, of Amazon's services and of those that sign alike.", Pinned: true,
		Fields: []Field{
			{Name: "access_key_id", Required: true, Summary: "Access key ID."},
			{Name: "secret_access_key", Required: true, Secret: true, Summary: "Secret access key."},
			{Name: "session_token", Secret: true, Summary: "Session token of temporary credentials."},
			{Name: "region", Required: true, Summary: "Region, such as `eu-west-1`."},
			{Name: "service", Required: true, Summary: "Name of the service in signatures, such as `s3`, `execute-api`, `sqs` or `es`."},
		},
		open: func(_ *Resolver, s settings) (any, error) {
			for _, name := range []string{"region", "service"} {
				if !awsName.MatchString(s.Text[name]) {
					return nil, fmt.Errorf("%s is no name of small letters, digits and -", name)
				}
			}
			signer := &awsSigner{
				id: s.Text["access_key_id"], secret: s.Text["secret_access_key"], session: s.Text["session_token"],
				region: s.Text["region"], service: s.Text["service"],
			}
			return changed(1, func(req *http.Request) error { return signer.sign(req, time.Now()) }).sets("Authorization"), nil
		},
	}
}

var awsName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// awsSigner has the credential. Safe for concurrent use.
type awsSigner struct{ id, secret, session, region, service string }

const (
	awsAlgorithm = "AWS4-HMAC-SHA256"
	awsTime      = "20060102T150405Z"
	// awsUnsigned is the hash of a body that is not signed. S3 allows it over TLS, where bodies are large.
	awsUnsigned = "UNSIGNED-PAYLOAD"
)

// sign adds the headers of the signature. It signs the host, the content type and the headers of Amazon.
func (a *awsSigner) sign(req *http.Request, now time.Time) error {
	bodyHash := awsUnsigned
	if a.service != "s3" || req.URL.Scheme != "https" {
		content, err := readBody(req)
		if err != nil {
			return err
		}
		bodyHash = hexHash(content)
	}
	at := now.UTC().Format(awsTime)
	req.Header.Set("X-Amz-Date", at)
	if a.service == "s3" {
		req.Header.Set("X-Amz-Content-Sha256", bodyHash)
	}
	if a.session != "" {
		req.Header.Set("X-Amz-Security-Token", a.session)
	}
	req.URL.RawQuery = canonicalQuery(req.URL.RawQuery) // a + would be read in two ways
	signed, headers := canonicalHeaders(req)
	canonical := strings.Join([]string{req.Method, a.canonicalPath(req.URL), req.URL.RawQuery, headers, signed, bodyHash}, "\n")
	scope := strings.Join([]string{at[:8], a.region, a.service, "aws4_request"}, "/")
	key := []byte("AWS4" + a.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = hmacSum(key, part)
	}
	signature := hex.EncodeToString(hmacSum(key, strings.Join([]string{awsAlgorithm, at, scope, hexHash([]byte(canonical))}, "\n")))
	req.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", awsAlgorithm, a.id, scope, signed, signature))
	return nil
}

// canonicalHeaders returns the names of the signed headers, and the headers with a line each.
func canonicalHeaders(req *http.Request) (signed, lines string) {
	values := map[string]string{"host": cmp.Or(req.Host, req.URL.Host)}
	for name, all := range req.Header {
		lower := strings.ToLower(name)
		if lower == "content-type" || strings.HasPrefix(lower, "x-amz-") {
			trimmed := make([]string, len(all))
			for i, v := range all {
				trimmed[i] = strings.Join(strings.Fields(textproto.TrimString(v)), " ")
			}
			values[lower] = strings.Join(trimmed, ",")
		}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	return strings.Join(names, ";"), b.String()
}

// canonicalPath normalises the path (RFC 3986, section 6.2.2.3, and empty segments) and escapes it as it is sent once more,
// except for S3, whose keys may have any segments.
func (a *awsSigner) canonicalPath(u *url.URL) string {
	sent := cmp.Or(u.EscapedPath(), "/")
	if a.service == "s3" {
		decoded, err := url.PathUnescape(sent)
		if err != nil {
			return sent
		}
		sent = decoded
	} else if clean := path.Clean(sent); strings.HasSuffix(sent, "/") && clean != "/" {
		sent = clean + "/"
	} else {
		sent = clean
	}
	segments := strings.Split(sent, "/")
	for i, segment := range segments {
		segments[i] = percentEncode(segment)
	}
	return strings.Join(segments, "/")
}

// canonicalQuery sorts the parameters of a query and escapes them.
func canonicalQuery(raw string) string {
	pairs := normalizedPairs(raw)
	slices.SortFunc(pairs, comparePairs)
	return strings.Join(pairs, "&")
}

// normalizedPairs returns the parameters of a query or form, percent-encoded.
func normalizedPairs(raw string) []string {
	var pairs []string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, reencode(name)+"="+reencode(value))
	}
	return pairs
}

func reencode(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		text = decoded
	}
	return percentEncode(text)
}

// percentEncode encodes all characters but the unreserved ones of RFC 3986.
func percentEncode(text string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

func hexHash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func hmacSum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
