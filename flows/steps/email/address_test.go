package email

import "testing"

func TestEmailAddressIsOnePlainAddress(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a@b.org", "a.b+c@x-y.example.org", "Ann <a@b.org>", "Ann Lee <a@b.org>", `"Lee, Ann" <a@b.org>`, `"a \"b\" c" <a@b.org>`, "Zoë Ünal <z@b.org>", "<a@b.org>",
	} {
		if got, err := addressOf(text); err != nil || got != text {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, v := range []any{
		"", "a", "a@", "@b.org", "a@b.org, c@d.org", "a@b.org; c@d.org", "a@b.org c@d.org",
		"Team: a@b.org;", "Team: a@b.org, c@d.org;", "Team:;", "undisclosed-recipients:;", "Ann <a@b.org>, <c@d.org>",
		"a@b.org (Ann)", "(Ann) a@b.org", "a@(x)b.org", "Ann (x) <a@b.org>", "Ann <a@b.org> (x)", "Ann <(x)a@b.org>",
		`"a b"@b.org`, `"a@c.org"@b.org`, `"x" "y" <a@b.org>`, "a@[127.0.0.1]", "<@c.org:a@b.org>", "Ann <@c.org:a@b.org>", "a@b@c.org",
		"a@b.org\r\nBcc: c@d.org", "Ann\r\nBcc: c@d.org <a@b.org>", "a@b.org\x00", "c@d.org <a@b.org>", "a %40 b",
		map[string]any{"address": "a@b.org, c@d.org"}, map[string]any{"address": "Ann <a@b.org>"}, map[string]any{"address": `"a b"@b.org`},
		map[string]any{"address": "a@[127.0.0.1]"}, map[string]any{"address": "a@b.org (x)"}, map[string]any{"name": "Ann"}, 1, nil,
	} {
		if got, err := addressOf(v); err == nil {
			t.Errorf("%#v is taken for %q", v, got)
		}
	}
	got, err := addressOf(map[string]any{"name": "Lee, Ann\r\nBcc: c@d.org", "address": "a@b.org"})
	if err == nil {
		t.Errorf("a line break in a name is taken for %q", got)
	}
}
