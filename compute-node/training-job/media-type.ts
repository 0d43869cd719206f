/** The media type of a training run's checkpoint in the store. */
export const CHECKPOINT_MEDIA_TYPE = "application/vnd.ktrdr.checkpoint";
