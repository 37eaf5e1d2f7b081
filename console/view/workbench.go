package view

import (
	"context"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/sender"
)

// Outcome is what became of a run.
type Outcome struct {
	State   string // empty: the run is not known
	Dropped string // path of the filter that let nothing through; empty: none did
}

// Arrival is a delivery in a list.
type Arrival struct {
	deliveries.Delivery
	Outcome Outcome // of its run
	First   int64   // number of the delivery whose run a repeated one got; zero: it is not on the page
}

// codeHoneypot is the code of a body that fills the field that people do not see.
const codeHoneypot = "honeypot"

// Filters of a list of deliveries.
const (
	filterAccepted = "accepted"
	filterRejected = "rejected"
	filterIgnored  = "ignored" // nothing was done for it, and nothing was wrong
)

// DeliveryFilters returns the filters of a list of deliveries.
func DeliveryFilters() []string { return []string{filterAccepted, filterRejected, filterIgnored} }

// Is reports whether a delivery is one of a filter; empty: each is.
func (a *Arrival) Is(filter string) bool {
	switch filter {
	case filterAccepted:
		return a.Verdict == deliveries.Accepted && !a.ignored()
	case filterRejected:
		return a.Verdict == deliveries.Rejected && !a.ignored()
	case filterIgnored:
		return a.ignored()
	}
	return true
}

// ignored reports whether nothing was done for a delivery although nothing was wrong with it.
func (a *Arrival) ignored() bool {
	return a.Verdict == deliveries.Answered || a.Code == codeHoneypot || a.Repeated || a.Outcome.Dropped != ""
}

// filterTitle is the text of the button of a filter.
func filterTitle(ctx context.Context, filter string) string {
	return map[string]string{"": language.T(ctx, "All"), filterAccepted: language.T(ctx, "Accepted"), filterRejected: language.T(ctx, "Rejected"), filterIgnored: language.T(ctx, "Ignored")}[filter]
}

// Setup is what to enter at the sender of a webhook, and what the flow expects of it.
type Setup struct {
	URL         string
	Unreachable bool // the address is that of the browser's request, or of this machine: a sender may not reach it
	Verified    bool // the flow says how the sender proves itself
	Open        bool // anybody may send
	Title       string
	Docs        string // URL of the sender's own description
	There       []Span // what to do there
	Note        []Span
	Checked     []Span
	SecretIs    []Span // what the secret is there
	Event       string // where a delivery has the name of its event; empty: not known
	Events      []string
	Asks        string // what it asks about the URL; empty: nothing
	Secrets     []SetupSecret
	Header      string // with the signature; empty: not in one
	ContentType string // that the sender must send; empty: any

	Senders []SenderName // to choose from, if the flow says nothing
	Chosen  string
	Lines   string // to write in the flow
}

// SetupSecret is a stored secret that a webhook is verified with.
type SetupSecret struct {
	Name, What string
	Stored     bool
}

// SenderName is a sender in a selection.
type SenderName struct{ Name, Title string }

// Span is a part of a text.
type Span struct {
	Text string
	Kind string // "code", "em" or empty
}

// spans returns the parts of a text in Markdown with `code` and *emphasis*.
func spans(text string) (all []Span) {
	text = strings.Join(strings.Fields(text), " ")
	for text != "" {
		at := strings.IndexAny(text, "`*")
		if at < 0 {
			break
		}
		mark := text[at : at+1]
		end := strings.Index(text[at+1:], mark)
		if end < 0 {
			break
		}
		if at > 0 {
			all = append(all, Span{Text: text[:at]})
		}
		all = append(all, Span{Text: text[at+1 : at+1+end], Kind: map[string]string{"`": "code", "*": "em"}[mark]})
		text = text[at+end+2:]
	}
	if text != "" {
		all = append(all, Span{Text: text})
	}
	return all
}

// Add adds what is known of a sender.
func (s *Setup) Add(ctx context.Context, e *sender.Entry) {
	s.Title, s.Docs, s.Event, s.Asks = e.Title, e.Docs, e.Verify.Event, e.Asks()
	if s.Title == "" {
		s.Title = language.T(ctx, "A sender of its own (%s)", e.Name)
	}
	s.There, s.Note, s.Checked, s.SecretIs = spans(e.Setup), spans(e.Note), spans(e.Checked()), spans(e.Secret)
	s.Header = strings.Join(e.Verify.Header, " "+language.T(ctx, "or")+" ")
}

// Redelivery says what delivering again would do.
type Redelivery struct {
	Delivery
	Version string // of the flow that would be executed
	Effects []string
	Started bool // its first run is known
	Paused  bool
}

// Check is one of the checks of a proof, in their order.
type Check struct {
	Title    string
	Expected string
	State    string // "passed", "failed" or "skipped": an earlier one failed
}

// groups of the words of a description, by the check that they belong to. Read only.
var wordsOfChecks = [][]string{
	{"header", "param", "signature", "scheme", "timestamp"},
	{"prefix", "format", "encoding", "timestamp_format", "algorithm_from"},
	{"secret", "secret_encoding", "algorithm", "signed", "url", "user", "body_hash_param", "challenge"},
	{"tolerance"},
	{"expect"},
}

// checksOf returns which checks of the proof a delivery passed; nil: it was not rejected for its proof, or it is not known which failed.
func checksOf(ctx context.Context, d *deliveries.Delivery, s *sender.Scheme) []Check {
	if s == nil || d.Verdict != deliveries.Rejected || len(d.Findings) == 0 {
		return nil
	}
	failed := -1
	for i, words := range wordsOfChecks {
		for _, w := range words {
			if w == d.Findings[0].Word {
				failed = i
			}
		}
	}
	if failed < 0 {
		return nil
	}
	spec := s.Spec()
	where := language.T(ctx, "a proof is there")
	if len(spec.Header) > 0 {
		where = language.T(ctx, "the header %s is there", strings.Join(spec.Header, " "+language.T(ctx, "or")+" "))
	} else if spec.Param != "" {
		where = language.T(ctx, "the parameter %s is there", spec.Param)
	}
	form := strings.TrimSpace(spec.Prefix + spec.Format)
	if spec.Format == "" && s.Signs() {
		form += language.T(ctx, "…, in %s", spec.Encoding)
	}
	all := []Check{{Title: language.T(ctx, "It has a proof"), Expected: where}}
	if s.Signs() {
		all = append(all, Check{Title: language.T(ctx, "The proof can be read"), Expected: form}, Check{Title: language.T(ctx, "The secret makes the same one"), Expected: signedText(ctx, &spec)})
	} else {
		all = append(all, Check{Title: language.T(ctx, "The proof can be read"), Expected: form}, Check{Title: language.T(ctx, "It is the stored one"), Expected: language.T(ctx, "the text of the stored secret")})
	}
	if spec.Timestamp != "" || strings.Contains(spec.Format, "{timestamp}") || spec.Scheme == "standard-webhooks" {
		all = append(all, Check{Title: language.T(ctx, "Its time is near ours"), Expected: language.T(ctx, "off by %s at most", length(ctx, spec.Tolerance))})
	} else if failed == 3 {
		return nil
	}
	if len(spec.Expect) > 0 {
		all = append(all, Check{Title: language.T(ctx, "It has the expected values")})
	}
	at := min(failed, len(all)-1)
	for i := range all {
		switch {
		case i < at:
			all[i].State = "passed"
		case i == at:
			all[i].State = "failed"
		default:
			all[i].State = "skipped"
		}
	}
	return all
}

// signedText says what is signed.
func signedText(ctx context.Context, v *sender.Spec) string {
	if v.Scheme == "standard-webhooks" {
		return language.T(ctx, "HMAC with SHA256 of {id}.{timestamp}.{body}")
	}
	return language.T(ctx, "%s with %s of %s", strings.ToUpper(v.Scheme), strings.ToUpper(v.Algorithm), strings.ReplaceAll(v.Signed, "\n", `\n`))
}

// adviceOn says what to do about a rejected delivery; empty: nothing is known.
func adviceOn(ctx context.Context, d *deliveries.Delivery) string {
	if len(d.Findings) > 0 {
		return adviceOnProof(ctx, d.Findings[0])
	}
	switch d.Code {
	case "disabled":
		return language.T(ctx, "The flow is switched off. Switch it on in the list of flows; many senders send again by themselves.")
	case "too_many_requests", "overloaded":
		return language.T(ctx, "More came than a limit allows. The sender may send again later.")
	case codeHoneypot:
		return language.T(ctx, "A field was filled in that people do not see: a program sent it. Nothing is to be done.")
	case "bad_json", "bad_query", "bad_coding", "unsupported_media_type", "bad_body":
		return "The body or its Content-Type is not what the flow reads: record what comes, and set trigger.webhook.body if the sender cannot be changed."
	}
	return ""
}

func adviceOnProof(ctx context.Context, f deliveries.Finding) string {
	switch f.Word {
	case "secret":
		if strings.Contains(f.Text, "not stored") {
			return language.T(ctx, "Store the secret that the sender shows, under this name, on the page Connections.")
		}
		return language.T(ctx, "Copy the secret from the sender once more and store it again: blanks, quotes and line ends at its ends count.")
	case "tolerance":
		return language.T(ctx, "Set the clock of the machine that is wrong, or, if the sender sent an old delivery again, let it sign anew. trigger.webhook.verify.tolerance may allow more.")
	case "header", "param", "signature", "scheme":
		return language.T(ctx, "Enter the secret at the sender: many sign only then. If it signs in another way, its scheme is another one: capture a request to see which.")
	case "prefix", "format", "encoding", "timestamp_format", "algorithm", "secret_encoding", "algorithm_from":
		return language.T(ctx, "The sender writes its proof in another way than the flow says: change trigger.webhook.verify, or take the sender's own scheme.")
	case "signed", "url", "body_hash_param":
		return language.T(ctx, "What was signed is not what arrived: look for a proxy that changes bodies, and enter exactly the URL above at the sender.")
	case "user":
		return language.T(ctx, "Enter the user name of trigger.webhook.verify.user at the sender.")
	case "expect":
		return language.T(ctx, "The sender signed it, but it is not about what the flow takes. Check the values of trigger.webhook.verify.expect.")
	}
	return ""
}

// checkSign is the sign of a check's state.
func checkSign(state string) string {
	return map[string]string{"passed": "succeeded", "failed": "failed"}[state]
}

// checkText says a check's state to those who do not see its sign.
func checkText(ctx context.Context, state string) string {
	return map[string]string{"passed": language.T(ctx, "passed"), "failed": language.T(ctx, "failed"), "skipped": language.T(ctx, "not looked at, because an earlier one failed")}[state]
}
