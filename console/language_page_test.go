package console

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock/penstock/store"
)

// in requests a page with an Accept-Language header; fragment: as a script does.
func (b *browser) in(accept, path string, fragment bool) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, Root+path, nil)
	r.Header.Set("Accept-Language", accept)
	if fragment {
		r.Header.Set("HX-Request", "true")
	}
	return b.do(r)
}

// Before signing in the browser decides about the language, afterwards the user, also for fragments, notices and errors.
func TestLanguageOfPages(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	stranger := d.browser()
	signIn := stranger.in("de-AT,de;q=0.9,en;q=0.1", "/signin", false)
	if page := signIn.Body.String(); !strings.Contains(page, `lang="de"`) || !strings.Contains(page, "Anmelden") || !strings.Contains(signIn.Header().Get("Vary"), "Accept-Language") {
		t.Errorf("the sign-in page of a German browser: %s %s", signIn.Header().Get("Vary"), page)
	}
	if page := stranger.in("fr", "/signin", false).Body.String(); !strings.Contains(page, `lang="en"`) || strings.Contains(page, "texts.de.js") {
		t.Error("the sign-in page of a French browser is not in English")
	}
	b := d.signedIn("vera")
	if page := b.in("en-GB", "/runs", false).Body.String(); !strings.Contains(page, "<h1>Runs</h1>") {
		t.Error("the page of an English browser is not in English")
	}
	w := b.post("/account/preferences", "language", "de")
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page := b.in("en-GB", "/account", false).Body.String()
	for _, want := range []string{`lang="de"`, "Die Einstellungen wurden gespeichert.", "<h1>Eigenes Konto</h1>", "texts.de.js?v="} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a user with German lacks %q", want)
		}
	}
	if part := b.in("en-GB", "/flows?q=nothing-like-this", true).Body.String(); !strings.Contains(part, "Kein Flow passt") {
		t.Errorf("a fragment: %s", part)
	}
	if gone := b.in("en-GB", "/runs/none", false); gone.Code != http.StatusNotFound || !strings.Contains(gone.Body.String(), "Hier ist nichts") {
		t.Errorf("an error: %d %s", gone.Code, gone.Body)
	}
	if again := d.browser(); again.signIn("vera", testSecret).Code != http.StatusSeeOther || !strings.Contains(again.in("en", "/", false).Body.String(), "<h1>Übersicht</h1>") {
		t.Error("German is not kept for the next session")
	}
	user, err := d.config.Store.Users().User(t.Context(), "vera")
	must(t, err)
	if user.Preferences != (store.Preferences{Language: "de"}) {
		t.Errorf("stored: %+v", user.Preferences)
	}
	if w := b.post("/account/preferences", "language", "<de>"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a language that is none: %d", w.Code)
	}
}

// The scripts have their texts in the language of the page; English needs no file.
func TestTextsOfScripts(t *testing.T) {
	t.Parallel()
	d := newTestConsole(t)
	german := d.browser().get("/assets/texts.de.js").Body.String()
	if !strings.Contains(german, `"Try again":"Noch einmal versuchen"`) || !strings.Contains(german, `{one:"%d Ergebnis",other:"%d Ergebnisse"}`) || strings.Contains(german, "Eigenes Konto") {
		t.Errorf("%.200s", german)
	}
	if w := d.browser().get("/assets/texts.en.js"); w.Code != http.StatusNotFound {
		t.Errorf("English: %d", w.Code)
	}
}
