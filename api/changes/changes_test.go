package changes_test

import (
	"log/slog"
	"testing"

	"github.com/penstock/penstock/api/changes"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/secretstore"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// A secret that is kept elsewhere is compared by its reference: nothing is read from its store, which may be away.
func TestReferencesAreNotRead(t *testing.T) {
	t.Parallel()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	stores, err := secretstore.New(secretstore.Config{Rules: secretstore.Rules{Env: &secretstore.EnvRules{Prefix: "PENSTOCK_SECRET_"}}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stores.Close() })
	s, err := store.Open(t.Context(), store.Config{Redis: testenv.Redis(t).Client(), Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: log, SecretStores: stores})
	if err != nil {
		t.Fatal(err)
	}
	const from = "env://PENSTOCK_SECRET_THAT_THERE_IS_NOT"
	if err := s.Secrets().PutReference(t.Context(), "hook", from, nil); err != nil {
		t.Fatal(err)
	}
	all := changes.Between(nil, changes.Reader{Store: s}.Read(t.Context(), audit.KindSecret, "hook"))
	if len(all) != 1 || all[0].Field != "from" || string(all[0].After) != `"`+from+`"` || all[0].Secret {
		t.Errorf("%+v", all)
	}
	for store, stats := range stores.Stats() {
		if stats.References != 0 {
			t.Errorf("%s was asked", store)
		}
	}
}
