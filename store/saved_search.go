package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
)

// Bounds of the saved searches.
const (
	MaxSearches       = 50  // of a user
	MaxSharedSearches = 100 // that all users have

	maxSearchName = 60   // characters
	maxSearchText = 1000 // bytes
)

// SavedSearch is a search of runs with a name, of a user or shared by all.
type SavedSearch struct {
	Name    string    `json:"name"`
	Text    string    `json:"text"` // of the search box
	By      string    `json:"by"`   // the user who saved it
	SavedAt time.Time `json:"saved_at"`
}

// SavedSearches gives access to the saved searches. Safe for concurrent use.
type SavedSearches struct{ store *Store }

// SavedSearches gives access to the saved searches.
func (s *Store) SavedSearches() *SavedSearches { return &SavedSearches{s} }

// List returns the searches of a user and the shared ones, both by name.
func (ss *SavedSearches) List(ctx context.Context, user string) (own, shared []SavedSearch, err error) {
	pipe := ss.store.config.Redis.Pipeline()
	answers := []*redis.MapStringStringCmd{pipe.HGetAll(ctx, keySearches(user)), pipe.HGetAll(ctx, keySharedSearches)}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, nil, fmt.Errorf("list saved searches: %w", err)
	}
	return ss.decode(answers[0].Val()), ss.decode(answers[1].Val()), nil
}

// decode leaves out what cannot be read.
func (ss *SavedSearches) decode(records map[string]string) []SavedSearch {
	var all []SavedSearch
	for name, text := range records {
		var one SavedSearch
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			ss.store.config.Log.Error("a saved search cannot be read", "name", name, "error", err)
			continue
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b SavedSearch) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return all
}

// Put creates or replaces a search of a user; of all users if user is empty. Error: *InvalidError.
func (ss *SavedSearches) Put(ctx context.Context, user string, search SavedSearch) error {
	search.Name, search.Text = strings.TrimSpace(search.Name), strings.TrimSpace(search.Text)
	if err := search.validate(); err != nil {
		return fmt.Errorf("save search: %w", err)
	}
	text, err := json.Marshal(search)
	if err != nil {
		return fmt.Errorf("save search: %w", err)
	}
	most, key := MaxSearches, keySearches(user)
	if user == "" {
		most = MaxSharedSearches
	}
	put := func(tx *redis.Tx) error {
		names, err := tx.HKeys(ctx, key).Result()
		if err != nil {
			return err
		}
		if len(names) >= most && !slices.Contains(names, search.Name) {
			return &InvalidError{"name", fmt.Sprintf("would be one of more than %d saved searches: delete one first", most)}
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.HSet(ctx, key, search.Name, text).Err() })
		return err
	}
	for range changeAttempts {
		if err = ss.store.config.Redis.Watch(ctx, put, key); !errors.Is(err, redis.TxFailedErr) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("save search: %w", err)
	}
	return nil
}

// Delete removes a search of a user; a shared one if user is empty. Error: ErrNotFound.
func (ss *SavedSearches) Delete(ctx context.Context, user, name string) error {
	n, err := ss.store.config.Redis.HDel(ctx, keySearches(user), name).Result()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete saved search: %w", err)
	}
	return nil
}

func (s *SavedSearch) validate() error {
	printable := func(text string) bool {
		return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	}
	switch {
	case s.Name == "" || utf8.RuneCountInString(s.Name) > maxSearchName || !printable(s.Name):
		return &InvalidError{"name", fmt.Sprintf("must be 1 to %d printable characters", maxSearchName)}
	case s.Text == "" || len(s.Text) > maxSearchText || !printable(s.Text):
		return &InvalidError{"search", fmt.Sprintf("must be 1 to %d bytes of printable characters", maxSearchText)}
	}
	return nil
}
