const TOKENS = '(?:/(?:[^~/]|~[01])*)*'

/** RFC 6901, section 3. */
export const JSON_POINTER = TOKENS

/** draft-bhutton-relative-json-pointer-00, section 3, without index manipulation. */
export const RELATIVE_JSON_POINTER = `(?:0|[1-9]\\d*)(?:#|${TOKENS})`

/** RFC 4122, section 3. */
export const UUID = '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
