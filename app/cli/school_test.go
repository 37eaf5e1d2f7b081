package cli

import (
	"encoding/json"
	"fmt"
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

// change lets the list of pupils be another one.
func (s *school) change(to func(pupils []map[string]any) []map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pupils = to(s.pupils)
}

// org is a fake Salesforce, which stores records by an external id.
type org struct {
	url  string
	held chan struct{} // gets a value when the request that is held has come
	hold int           // number of the request whose answer is held, from 1

	mu       sync.Mutex
	records  map[string]map[string]map[string]any // guarded by mu; by object and external id
	requests map[string]int                       // guarded by mu; how often each Idempotency-Key came
	count    int                                  // guarded by mu; of all requests
}

func newOrg(t *testing.T, hold int) *org {
	t.Helper()
	o := &org{held: make(chan struct{}, 1), hold: hold, records: map[string]map[string]map[string]any{"Contact": {}, "Guardianship__c": {}}, requests: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("PATCH /services/data/v63.0/composite/sobjects/{object}/ISAMS_Id__c", o.upsert)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	o.url = server.URL
	mux.HandleFunc("POST /services/oauth2/token", token("org-token", o.url))
	return o
}

func (o *org) upsert(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Authorization") != "Bearer org-token" || len(body.Records) > 200 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	results, number := o.store(r, body.Records)
	if number == o.hold { // it is stored, and the answer does not come
		o.held <- struct{}{}
		<-r.Context().Done()
		return
	}
	writeJSON(w, http.StatusOK, results)
}

// store stores records, and returns their results and the number of the request.
func (o *org) store(r *http.Request, records []map[string]any) (results []map[string]any, number int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	o.requests[r.Header.Get("Idempotency-Key")]++
	stored, inRequest := o.records[r.PathValue("object")], map[string]bool{}
	for _, record := range records {
		id, _ := record["ISAMS_Id__c"].(string)
		kept, known := stored[id]
		switch {
		case id == "" || inRequest[id]:
			results = append(results, refusal("DUPLICATE_VALUE", "the external id comes twice"))
			continue
		case !o.leads(record, "Pupil__r") || !o.leads(record, "Parent__r"):
			results = append(results, refusal("INVALID_FIELD", "a foreign key was not found"))
			continue
		case !known:
			kept = map[string]any{}
			stored[id] = kept
		}
		inRequest[id] = true
		for name, v := range record {
			kept[name] = v
		}
		results = append(results, map[string]any{"id": "003" + id, "success": true, "errors": []any{}, "created": !known})
	}
	return results, o.count
}

func refusal(code, message string) map[string]any {
	return map[string]any{"success": false, "errors": []map[string]any{{"statusCode": code, "message": message, "fields": []string{}}}}
}

// leads reports whether a lookup of a record leads to a contact, or is not there.
func (o *org) leads(record map[string]any, relation string) bool {
	lookup, given := record[relation].(map[string]any)
	if !given {
		return true
	}
	id, _ := lookup["ISAMS_Id__c"].(string)
	return o.records["Contact"][id] != nil
}

// seen returns how often each request has come, and how many requests have come together.
func (o *org) seen() (requests map[string]int, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	requests = map[string]int{}
	for key, n := range o.requests {
		requests[key] = n
	}
	return requests, o.count
}
