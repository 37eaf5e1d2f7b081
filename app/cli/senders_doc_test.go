package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/sender"
)

const sendersIntro = `# Senders of webhooks

<!-- Written by go test ./app/cli -update. -->

The senders that [` + "`trigger.webhook.verify`" + `](webhooks.md) knows by name. ` + "`penstock hook senders`" + ` lists them, and
` + "`penstock hook detect`" + ` proposes one for a request. A sender that is missing may be [described in the flow](webhooks.md#a-sender-of-your-own).

*Library*: a delivery that the library of the sender signed, or accepted while it refused another, is accepted here, and each change of
it is refused (` + "`tests/senders/run`" + `). *Question*: what the sender asks about the URL, and what proves the question.

| sender | scheme | library | question |
|---|---|---|---|
`

// The pages of the senders are written from the catalogue.
func TestSendersReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(sendersIntro)
	for _, e := range sender.All() {
		library := "none"
		if e.Library != "" {
			_, rest, _ := strings.Cut(e.Library, " ")
			library = "`" + strings.ReplaceAll(rest, " ", "` ")
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", e.Title, e.Name, library, e.Asks())
	}
	for _, e := range sender.All() {
		b.WriteString("\n" + e.Page())
	}
	golden(t, filepath.Join("..", "..", "docs", "senders.md"), b.String())
}
