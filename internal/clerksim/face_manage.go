package clerksim

import (
	"encoding/json"
	"net/http"
)

// addManagement is what drives an instance from outside while it runs. It is open, as everything below /sim/.
func (c *Clerk) addManagement(mux *http.ServeMux) {
	mux.HandleFunc("GET /sim/faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.Faults()) })
	mux.HandleFunc("PUT /sim/faults", c.serveSetFaults)
	mux.HandleFunc("GET /sim/endpoint", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.EndpointStatus()) })
	mux.HandleFunc("PUT /sim/endpoint", c.serveSetEndpoint)
	mux.HandleFunc("GET /sim/requests", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.Requests()) })
}

func (c *Clerk) serveSetFaults(w http.ResponseWriter, r *http.Request) {
	var faults Faults
	if err := readStrictly(r, &faults); err != nil {
		answerUnfit(w, err)
		return
	}
	if err := c.SetFaults(faults); err != nil {
		answerUnfit(w, err)
		return
	}
	answer(w, http.StatusOK, faults)
}

func (c *Clerk) serveSetEndpoint(w http.ResponseWriter, r *http.Request) {
	var change EndpointChange
	err := readStrictly(r, &change)
	if err == nil {
		err = c.changeEndpoint(change)
	}
	if err != nil {
		answerUnfit(w, err)
		return
	}
	answer(w, http.StatusOK, c.EndpointStatus())
}

// changeEndpoint takes the lock so that two changes of different fields both stay.
func (c *Clerk) changeEndpoint(change EndpointChange) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := change.apply(c.Endpoint())
	if err != nil {
		return err
	}
	return c.SetEndpoint(e)
}

func answerUnfit(w http.ResponseWriter, err error) {
	answerError(w, apiError{http.StatusUnprocessableEntity, "form_param_value_invalid", err.Error(), nil})
}

// readStrictly refuses names that it does not know, for a misspelt one would pass for done.
func readStrictly(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	return d.Decode(v)
}
