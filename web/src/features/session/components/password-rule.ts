/** As the API checks it; stated before the first try, since a refused password is a nuisance. */
export const PASSWORD_RULE = 'At least 15 characters, any kind. Four or five unrelated words make a good one.';
