"""Languages that Google's v1 recognition takes from telephones, as data.

The first one of a primary tag stands in for its missing regions. Google's list changes; the setting
`languages` goes before this one. Source: "Speech-to-Text V1 supported languages", cloud.google.com.
"""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = (
    *("en-US", "en-GB", "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-PH", "en-SG", "en-ZA"),
    *("es-US", "es-ES", "es-MX", "es-AR", "es-CL", "es-CO", "es-PE"),
    *("fr-FR", "fr-CA", "fr-BE", "fr-CH"),
    *("de-DE", "de-AT", "de-CH"),
    *("pt-BR", "pt-PT", "it-IT", "it-CH", "nl-NL", "nl-BE"),
    *("ar-SA", "ar-AE", "ar-EG", "he-IL", "tr-TR", "fa-IR"),
    *("hi-IN", "bn-IN", "gu-IN", "kn-IN", "ml-IN", "mr-IN", "ta-IN", "te-IN", "ur-IN"),
    *("ja-JP", "ko-KR", "zh", "zh-TW", "yue-Hant-HK", "th-TH", "vi-VN", "id-ID", "ms-MY", "fil-PH"),
    *("pl-PL", "cs-CZ", "sk-SK", "hu-HU", "ro-RO", "bg-BG", "hr-HR", "sl-SI", "sr-RS", "uk-UA"),
    *("ru-RU", "el-GR", "da-DK", "sv-SE", "no-NO", "fi-FI", "et-EE", "lv-LV", "lt-LT"),
)
