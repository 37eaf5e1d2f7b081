package sender_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/penstock/penstock/internal/sender"
)

// The verifier agrees with the library of Standard Webhooks: it accepts what the library signs, and rejects a
// delivery with a changed body, id, time, secret or signature.
func TestStandardWebhooksLibraryAgrees(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	v, err := sender.Compile(&sender.Spec{Scheme: "standard-webhooks", Tolerance: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	now, let := time.Now(), 0
	for i := range 500 {
		key, body, id := bytes(24+random.IntN(41)), bytes(random.IntN(300)), fmt.Sprint("msg_", i)
		secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
		library, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		sent := now.Add(time.Duration(random.IntN(1200)-600) * time.Second)
		signature, err := library.Sign(id, sent, body)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 6 {
		case 1:
			body = append(body, ' ')
		case 2:
			id += "x"
		case 3:
			signature = "v1a" + signature[2:]
		case 4:
			signature = "v1,AAAA v0,x " + signature
		case 5:
			sent = sent.Add(time.Second)
		}
		h := http.Header{}
		h.Set(standardwebhooks.HeaderWebhookID, id)
		h.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(sent.Unix()))
		h.Set(standardwebhooks.HeaderWebhookSignature, signature)
		want := library.Verify(body, h) == nil
		got := v.Verify(context.Background(), &sender.Delivery{Header: h, Body: body, Now: now}, []string{secret}, nil) == nil
		if distance := now.Sub(sent).Abs(); distance > 298*time.Second && distance < 302*time.Second {
			continue // the library has a clock of its own
		}
		if got != want {
			t.Errorf("delivery %d, sent %v: let in %v, the library %v", i, now.Sub(sent), got, want)
		}
		if got {
			let++
		}
	}
	if let < 50 {
		t.Errorf("%d were let in", let)
	}
}
