package api

// Setting is a setting with its value: settings and settings/{key}.
type Setting struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Default     string `json:"default"`
	Description string `json:"description"`
}

// SettingValue changes a setting: PUT settings/{key}.
type SettingValue struct {
	Value string `json:"value"`
}
