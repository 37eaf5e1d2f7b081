// Package golang has the senders whose published library is a Go module. It is a module of its own, so that Penstock does
// not depend on them.
package golang

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/mailgun/mailgun-go/v4"
)

const (
	secret = "a secret of 27 characters.."
	url    = "https://penstock.example.org/hooks/flow?source=1"
)

// vector is what the Go tests of package sender read.
type vector struct {
	Sender       string            `json:"sender"`
	Library      string            `json:"library"`
	Made         string            `json:"made"`
	Now          int64             `json:"now"`
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers"`
	Body         string            `json:"body"`
	Secrets      []string          `json:"secrets"`
	BodyUnsigned bool              `json:"body_unsigned,omitempty"`
}

// TestWriteVectors writes the vectors into the directory that VECTORS names, after the library accepted them and refused
// others.
func TestWriteVectors(t *testing.T) {
	directory := os.Getenv("VECTORS")
	if directory == "" {
		t.Skip("VECTORS names no directory")
	}
	for _, v := range []*vector{pagerDuty(t), mailgunVector(t)} {
		v.Made, v.Method, v.URL, v.Secrets = "accepted", "POST", url, []string{secret}
		v.Now = time.Now().UnixMilli()
		text, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, v.Sender+".json"), append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func sign(text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// library returns the registry, name and version of a module.
func library(t *testing.T, name string) string {
	t.Helper()
	version, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return "go " + name + " " + strings.TrimSpace(string(version))
}

func pagerDuty(t *testing.T) *vector {
	body := `{"event":{"id":"e-1","event_type":"incident.triggered","note":"é ☃"}}`
	headers := map[string]string{"X-PagerDuty-Signature": "v1=" + sign("another") + ",v1=" + sign(body)}
	verify := func(body string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-PagerDuty-Signature", headers["X-PagerDuty-Signature"])
		return webhookv3.VerifySignature(r, secret)
	}
	if err := verify(body); err != nil || verify(body+" ") == nil {
		t.Fatalf("the library refuses the delivery, or accepts another: %v", err)
	}
	return &vector{Sender: "pagerduty", Library: library(t, "github.com/PagerDuty/go-pagerduty"), Headers: headers, Body: body}
}

func mailgunVector(t *testing.T) *vector {
	mg := mailgun.NewMailgun("example.org", "key")
	mg.SetWebhookSigningKey(secret)
	s := mailgun.Signature{TimeStamp: fmt.Sprint(time.Now().Unix()), Token: "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"}
	s.Signature = sign(s.TimeStamp + s.Token)
	other := s
	other.Token += "x"
	accepts, err := mg.VerifyWebhookSignature(s)
	if refused, _ := mg.VerifyWebhookSignature(other); err != nil || !accepts || refused {
		t.Fatalf("the library refuses the delivery, or accepts another: %v", err)
	}
	body := fmt.Sprintf(`{"signature":{"timestamp":%q,"token":%q,"signature":%q},"event-data":{"event":"opened"}}`, s.TimeStamp, s.Token, s.Signature)
	return &vector{Sender: "mailgun", Library: library(t, "github.com/mailgun/mailgun-go/v4"), Headers: map[string]string{"Content-Type": "application/json"}, Body: body, BodyUnsigned: true}
}
