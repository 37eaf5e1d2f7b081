package sender_test

import (
	"slices"
	"testing"

	"github.com/penstock/penstock/internal/sender"
)

// The sender of each vector is among the candidates; where its headers are its own, it is the first.
func TestDetect(t *testing.T) {
	t.Parallel()
	shared := []string{"standard-webhooks", "resend", "openai", "svix", "notion", "cloudevents", "google-pubsub", "vonage", "livekit"} // their headers are those of others, too
	for name, v := range vectors(t) {
		if v.Sender == "standard-webhooks" || v.Sender == "google-pubsub" || v.Sender == "cloudevents" || v.Sender == "vonage" {
			continue // a bearer token is that of any sender
		}
		found := sender.Detect(v.delivery(t))
		at := slices.IndexFunc(found, func(c sender.Candidate) bool { return c.Entry.Name == v.Sender })
		if at < 0 || at > 0 && !slices.Contains(shared, v.Sender) {
			t.Errorf("%s is candidate %d of %d", name, at, len(found))
		}
	}
	for name, v := range vectors(t) {
		if v.Sender == "standard-webhooks" {
			if found := sender.Detect(v.delivery(t)); !slices.ContainsFunc(found, func(c sender.Candidate) bool { return c.Entry.Name == v.Sender }) {
				t.Errorf("%s is not proposed: %+v", name, found)
			}
		}
	}
	if found := sender.Detect((&vector{Method: "POST", URL: "https://x.org/", Body: "{}"}).delivery(t)); len(found) > 0 {
		t.Errorf("a request without a proof comes from %s", found[0].Entry.Name)
	}
}
