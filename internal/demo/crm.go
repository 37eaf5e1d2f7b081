// Package demo is a small in-memory CRM for the example flows.
package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	maxConstituents = 10_000  // beyond it, creation fails with 507
	maxBody         = 1 << 16 // bytes of a request
	firstNewID      = 1000
)

// record is one constituent, as JSON has it.
type record = map[string]any

// CRM serves constituents:
//
//	GET   /constituents/search?search_text=…   {"count":n,"value":[…]}
//	GET   /constituents/{id}
//	POST  /constituents                        201 {"id":"…"}
//	PATCH /constituents/{id}                   the record after the change
//
// It starts with a handful of people. Safe for concurrent use.
type CRM struct {
	routes http.Handler

	mu     sync.RWMutex // guards the fields below
	byID   map[string]record
	order  []string // ids in the order of creation, which is that of search results
	nextID int
}

// New returns a CRM with a few people.
func New() *CRM {
	c := &CRM{byID: map[string]record{}, nextID: firstNewID}
	for _, person := range people() {
		id := person["id"].(string)
		c.byID[id], c.order = person, append(c.order, id)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /constituents/search", c.search)
	mux.HandleFunc("GET /constituents/{id}", c.read)
	mux.HandleFunc("POST /constituents", c.create)
	mux.HandleFunc("PATCH /constituents/{id}", c.update)
	c.routes = mux
	return c
}

func (c *CRM) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.routes.ServeHTTP(w, r) }

func (c *CRM) search(w http.ResponseWriter, r *http.Request) {
	text := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("search_text")))
	found := []record{}
	c.mu.RLock()
	for _, id := range c.order {
		if text != "" && matches(c.byID[id], text) {
			found = append(found, c.byID[id])
		}
	}
	c.mu.RUnlock()
	answer(w, http.StatusOK, record{"count": len(found), "value": found})
}

// matches compares the text with the fields that a CRM's search covers.
func matches(person record, text string) bool {
	email, _ := person["email"].(record)
	for _, field := range []any{person["name"], person["first"], person["last"], person["lookup_id"], email["address"]} {
		if s, ok := field.(string); ok && strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}

func (c *CRM) read(w http.ResponseWriter, r *http.Request) {
	c.mu.RLock()
	person, ok := c.byID[r.PathValue("id")]
	c.mu.RUnlock()
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such constituent")
		return
	}
	answer(w, http.StatusOK, person)
}

func (c *CRM) create(w http.ResponseWriter, r *http.Request) {
	person, err := decode(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.order) >= maxConstituents {
		refuse(w, http.StatusInsufficientStorage, "the demo CRM is full: restart it")
		return
	}
	id := strconv.Itoa(c.nextID)
	c.nextID++
	person["id"] = id
	c.byID[id], c.order = person, append(c.order, id)
	answer(w, http.StatusCreated, record{"id": id})
}

// update replaces the given members. Records are never modified in place, because a search may be encoding one.
func (c *CRM) update(w http.ResponseWriter, r *http.Request) {
	change, err := decode(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	id := r.PathValue("id")
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.byID[id]
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such constituent")
		return
	}
	person := maps.Clone(old)
	maps.Copy(person, change)
	person["id"] = id
	c.byID[id] = person
	answer(w, http.StatusOK, person)
}

// decode reads a body and converts an e-mail address written as a string to the form of the records.
func decode(r *http.Request) (record, error) {
	body := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	body.UseNumber()
	var fields record
	if err := body.Decode(&fields); err != nil || fields == nil {
		return nil, errors.New("the body is not a JSON object")
	}
	if address, ok := fields["email"].(string); ok {
		fields["email"] = record{"address": address, "type": "Email"}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if s, ok := fields[name].(string); ok && len(s) > 1000 {
			return nil, fmt.Errorf("%s is longer than 1000 bytes", name)
		}
	}
	return fields, nil
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, record{"message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}
