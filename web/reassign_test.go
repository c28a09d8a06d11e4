package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"tote/warehouse"
)

// A lead presses the button of the page: the form that is there is sent as it is.
func TestLeadHandsAWalkOver(t *testing.T) {
	s := half(t)
	h := serve(t, s.config())
	batch := s.order("O1").Batch
	body := get(t, h, "/orders/O1").Body.String()
	form := regexp.MustCompile(`(?s)<form method="post" action="(/orders/O1/hand-over)">.*?</form>`).FindStringSubmatch(body)
	if form == nil || !strings.Contains(form[0], "From W1 to") || strings.Contains(form[0], `value="W1"`) {
		t.Fatalf("no form in\n%s", body)
	}
	f := url.Values{
		"batch":  {regexp.MustCompile(`name="batch" value="([^"]*)"`).FindStringSubmatch(form[0])[1]},
		"worker": {regexp.MustCompile(`<option value="([^"]*)"`).FindStringSubmatch(form[0])[1]},
	}
	if w := post(t, h, form[1], f.Encode()); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<b>OK</b> Handed over.") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if st := s.next("h2"); st.Batch != batch {
		t.Errorf("W2 has %+v", st)
	}
	// The page of before: W2 has it now, and it is refused.
	if w := post(t, h, form[1], f.Encode()); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "<b>"+warehouse.CodeHasWork+"</b>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := post(t, h, form[1], "batch=NONE&worker=W1"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), warehouse.CodeUnknownBatch) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.must(warehouse.SignOut{Device: "web-abc234"})
	if body := get(t, h, "/orders/O1").Body.String(); !strings.Contains(body, "Nobody who is signed in has free hands.") {
		t.Errorf("no word of it in\n%s", body)
	}
	for _, id := range []string{"O3", "O4"} {
		if strings.Contains(get(t, h, "/orders/"+id).Body.String(), "Hand the walk over") {
			t.Errorf("%s is on no walk and has the button", id)
		}
	}
}
