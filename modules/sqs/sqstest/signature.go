package sqstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// authorization is the form of the header of a signature of version 4 for SQS. Source: Signature Version 4 of the AWS reference for IAM, "Create a signed request".
var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([a-z0-9-]+)/sqs/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// maxSkew is how far a request's time may be from the server's.
const maxSkew = 15 * time.Minute

// isSigned reports whether a request has a signature of the server's credentials.
func isSigned(r *http.Request, body []byte) bool {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	if parts == nil || err != nil || time.Since(at).Abs() > maxSkew || parts[1] != AccessKeyID || !strings.HasPrefix(date, parts[2]) || parts[3] != Region {
		return false
	}
	signed := strings.Split(parts[4], ";")
	for _, needed := range []string{"host", "x-amz-date", "x-amz-target", "content-type"} {
		if !slices.Contains(signed, needed) {
			return false
		}
	}
	var headers strings.Builder
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = r.Header.Get("Content-Length")
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	canonical := strings.Join([]string{r.Method, "/", "", headers.String(), parts[4], hash(string(body))}, "\n")
	scope := parts[2] + "/" + Region + "/sqs/aws4_request"
	key := []byte("AWS4" + SecretAccessKey)
	for _, part := range strings.Split(scope, "/") {
		key = sign(key, part)
	}
	want := hex.EncodeToString(sign(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hash(canonical)))
	return hmac.Equal([]byte(want), []byte(parts[5]))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
