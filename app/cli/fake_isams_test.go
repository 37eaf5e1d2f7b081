package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// school is a fake iSAMS: pupils in pages, and two contacts for each family of two pupils.
type school struct {
	url string

	mu     sync.Mutex
	pupils []map[string]any // guarded by mu
	asked  map[string]int   // guarded by mu; how often each contact list and each page was read
}

// newSchool returns a school with n pupils.
func newSchool(t *testing.T, n int) *school {
	t.Helper()
	s := &school{asked: map[string]int{}}
	for i := range n {
		s.pupils = append(s.pupils, pupil(i))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/connect/token", token("isams-token", ""))
	mux.HandleFunc("GET /api/students", s.page)
	mux.HandleFunc("GET /api/students/{id}/tempcontacts", s.contacts)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// pupil returns the pupil with a number, who has the parents of the one before or after.
func pupil(i int) map[string]any {
	return map[string]any{
		"schoolId": strconv.Itoa(i), "forename": fmt.Sprintf("Pupil %d", i), "surname": fmt.Sprintf("Family %d", i/2), "dob": "2015-12-10T00:00:00",
		"yearGroup": 7 + i%7, "schoolEmailAddress": fmt.Sprintf("p%d@example.org", i),
	}
}

// token answers requests for tokens. instance is the address that comes with it; empty: none.
func token(word, instance string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"access_token": word, "token_type": "Bearer", "expires_in": 3600, "instance_url": instance})
	}
}

// writeJSON answers with JSON.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (s *school) page(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size, _ := strconv.Atoi(r.URL.Query().Get("pageSize"))
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	page = max(page, 1)
	if r.Header.Get("Authorization") != "Bearer isams-token" || size < 1 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.asked["page "+strconv.Itoa(page)]++
	first := min((page-1)*size, len(s.pupils))
	writeJSON(w, http.StatusOK, map[string]any{
		"page": page, "pageSize": size, "totalCount": len(s.pupils), "totalPages": (len(s.pupils) + size - 1) / size,
		"students": s.pupils[first:min(first+size, len(s.pupils))],
	})
}

func (s *school) contacts(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	s.asked["contacts of "+id]++
	n, _ := strconv.Atoi(id)
	var list []map[string]any
	for i, relationship := range []string{"Mother", "Father"} {
		contact := n/2*2 + i
		list = append(list, map[string]any{
			"id": contact, "relationship": relationship, "title": "Dr", "forename": relationship, "surname": fmt.Sprintf("Family %d", n/2),
			"emailAddress": fmt.Sprintf("c%d@example.org", contact), "postcode": "N1",
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"contacts": list})
}

// reads returns how often each contact list and each page was read.
func (s *school) reads() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.asked)
}

// change lets the list of pupils be another one.
func (s *school) change(to func(pupils []map[string]any) []map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pupils = to(s.pupils)
}
