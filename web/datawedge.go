package web

import (
	"encoding/json"
	"net/http"
)

// dataWedge answers GET /hh/datawedge.json: the profile with which DataWedge, the
// scanning service of Android handhelds, types into this page: AIM identifier in
// front, GS as its substitute, the prefix first and Enter last. It is the bundle of
// the intent com.symbol.datawedge.api.SET_CONFIG, which a management tool sends;
// docs/datawedge.md says how to set the same by hand.
func (s *server) dataWedge(w http.ResponseWriter, _ *http.Request) {
	type obj = map[string]any
	gs := s.cfg.ScanGS
	actions := []obj{{"type": "SEND_STRING", "action_param_1": s.cfg.ScanPrefix}}
	if gs != "" {
		actions = append(actions, obj{"type": "REPLACE_STRING", "action_param_1": "\x1d", "action_param_2": gs})
	}
	actions = append(actions, obj{"type": "SEND_REMAINING"}, obj{"type": "SEND_CHAR", "action_param_1": "13"})
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(obj{ // the peer is gone when this fails
		"PROFILE_NAME": "Tote " + s.cfg.Site, "PROFILE_ENABLED": "true", "CONFIG_MODE": "CREATE_IF_NOT_EXIST",
		"APP_LIST": []obj{{"PACKAGE_NAME": "com.android.chrome", "ACTIVITY_LIST": []string{"*"}}},
		"PLUGIN_CONFIG": []obj{
			{"PLUGIN_NAME": "BARCODE", "RESET_CONFIG": "true", "PARAM_LIST": obj{
				"scanner_input_enabled": "true", "scanner_selection": "auto", "code_id": "1", // AIM
			}},
			{"PLUGIN_NAME": "INTENT", "RESET_CONFIG": "true", "PARAM_LIST": obj{"intent_output_enabled": "false"}},
			{"PLUGIN_NAME": "KEYSTROKE", "RESET_CONFIG": "true", "PARAM_LIST": obj{
				"keystroke_output_enabled": "true", "keystroke_action_char": "13",
			}},
			{"PLUGIN_NAME": "ADF", "OUTPUT_PLUGIN_NAME": "KEYSTROKE", "RESET_CONFIG": "true", "PARAM_LIST": obj{
				"adf_enabled": "true",
				"ADF_RULE":    []obj{{"name": "Tote", "enabled": "true", "alldevices": "true", "ACTIONS": actions}},
			}},
		},
	})
}
